import Foundation

/// A packet of Engine.IO, revision 4 of the protocol: one digit for its type, then its data.
///
///     0 open   1 close   2 ping   3 pong   4 message   5 upgrade   6 noop
///
/// Over WebSocket a packet is a text frame, and a binary message a binary frame without a type. In a polling payload
/// packets are separated by the byte 1E, and a binary message is `b` and its base64.
package enum EngineIOPacket: Sendable, Hashable {
  case open(String)
  case close
  case ping(String)
  case pong(String)
  case message(String)
  case binary([UInt8])
  case upgrade
  case noop

  /// Between the packets of a polling payload.
  private static let separator: Character = "\u{1E}"

  /// The packet in a text frame, or one part of a payload.
  package static func decode(_ text: Substring) throws(SocketIOError) -> EngineIOPacket {
    // Not a character: the type and a combining mark behind it would be one.
    let data = String(text.unicodeScalars.dropFirst())
    switch text.utf8.first.map({ UnicodeScalar($0) }) {
    case "0": return .open(data)
    case "1": return .close
    case "2": return .ping(data)
    case "3": return .pong(data)
    case "4": return .message(data)
    case "5": return .upgrade
    case "6": return .noop
    case "b":
      guard let bytes = Data(base64Encoded: data) else { throw SocketIOError("a binary packet must be base64") }
      return .binary([UInt8](bytes))
    default: throw SocketIOError("an Engine.IO packet must begin with a type from 0 to 6")
    }
  }

  /// The packets of a polling payload, at least one.
  package static func decode(payload bytes: [UInt8]) throws(SocketIOError) -> [EngineIOPacket] {
    guard let payload = String(validating: bytes, as: UTF8.self) else { throw SocketIOError("a payload must be UTF-8") }
    var packets: [EngineIOPacket] = []
    for part in payload.split(separator: separator, omittingEmptySubsequences: false) {
      packets.append(try decode(part))
    }
    return packets
  }

  /// The packet as a part of a payload; all but binary messages look the same in a text frame.
  package var text: String {
    switch self {
    case .open(let data): "0" + data
    case .close: "1"
    case .ping(let data): "2" + data
    case .pong(let data): "3" + data
    case .message(let data): "4" + data
    case .binary(let bytes): "b" + Data(bytes).base64EncodedString()
    case .upgrade: "5"
    case .noop: "6"
    }
  }

  /// A polling payload of these packets.
  package static func payload(_ packets: [EngineIOPacket]) -> String {
    packets.map(\.text).joined(separator: String(separator))
  }
}
