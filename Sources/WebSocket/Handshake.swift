import Crypto
import Foundation
package import HTTP
import HTTPTypes

/// The server's part of the opening handshake (RFC 6455 section 4.2).
package enum WebSocketHandshake {
  /// Why a request opens no WebSocket.
  package enum Refusal: Error, Sendable, Hashable {
    /// It asks for none: 426 with `Upgrade: websocket`.
    case notAnUpgrade
    /// It speaks another version: 426 with `Sec-WebSocket-Version: 13`.
    case unsupportedVersion
    /// Its key is not 16 bytes in base64, or it has a body: 400.
    case malformed(String)
  }

  /// The one subprotocol that is spoken, for pages that send a key as another: a browser wants one confirmed.
  private static let subprotocol = "vibegrapher"

  /// The fields of the `101 Switching Protocols` that accepts a request, and what compression was agreed on.
  package static func accept(
    _ head: RequestHead
  ) throws(Refusal) -> (fields: HeaderFields, deflate: DeflateParameters?) {
    guard head.method == .get, head.minorVersion == 1, head.fields.tokens(of: "upgrade").contains("websocket"),
      head.fields.tokens(of: "connection").contains("upgrade")
    else { throw .notAnUpgrade }
    guard head.fields["sec-websocket-version"] == "13" else { throw .unsupportedVersion }
    guard head.framing == .none else { throw .malformed("the opening handshake must have no body") }
    let keys = head.fields.values(of: "sec-websocket-key")
    guard keys.count == 1, let key = keys.first, Data(base64Encoded: key)?.count == 16 else {
      throw .malformed("Sec-WebSocket-Key must be 16 bytes in base64")
    }
    var fields = HeaderFields([
      ("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-accept", acceptValue(for: key)),
    ])
    let offered = head.fields.values(of: "sec-websocket-protocol").flatMap { $0.split(separator: ",") }
    if offered.contains(where: { $0.withoutOuterSpace == subprotocol }) {
      fields.append("sec-websocket-protocol", subprotocol)
    }
    let extensions = DeflateParameters.negotiate(head.fields)
    if let extensions { fields.append("sec-websocket-extensions", extensions.answer) }
    return (fields, extensions?.parameters)
  }

  /// The `Sec-WebSocket-Accept` for a key (section 4.2.2 item 5.4).
  package static func acceptValue(for key: String) -> String {
    let digest = Insecure.SHA1.hash(data: Data((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8))
    return Data(digest).base64EncodedString()
  }
}
