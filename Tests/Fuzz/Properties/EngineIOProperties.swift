import JSON
import SocketIO

/// Of Engine.IO and Socket.IO: a payload is the sum of its packets, and what is read is written the same.
enum EngineIOProperties {
  static func check(_ input: inout FuzzInput) throws(Violation) {
    guard let text = String(validating: input.bytes, as: UTF8.self) else { return }
    let packets = decode(text)
    let parts = input.bytes.split(separator: 0x1E, omittingEmptySubsequences: false)
    var joined: [EngineIOPacket]? = []
    for part in parts {
      let packet = decode(String(decoding: part, as: UTF8.self))
      try claim((packet?.count ?? 1) == 1, "a part of a payload must be one packet")
      if let packet { joined? += packet } else { joined = nil }
    }
    try claim(packets == joined, "a payload must give what its parts give, gave \(String(describing: packets))")
    guard let packets else { return }
    for (packet, part) in zip(packets, parts) { try check(packet, part) }
    try claim(decode(EngineIOPacket.payload(packets)) == packets, "packets must be read as they were written")
    try checkMessages(packets)
  }

  private static func decode(_ payload: String) -> [EngineIOPacket]? {
    do { return try EngineIOPacket.decode(payload: Array(payload.utf8)) } catch { return nil }
  }

  /// The data of a packet must be what stands behind its type, to the byte.
  private static func check(_ packet: EngineIOPacket, _ part: ArraySlice<UInt8>) throws(Violation) {
    switch packet {
    case .open, .ping, .pong, .message:
      try claim(Array(packet.text.utf8) == Array(part), "\(packet) must have the bytes \(Array(part))")
    case .close, .upgrade, .noop:
      try claim(packet.text.utf8.first == part.first, "\(packet) must have the type \(part.prefix(1))")
    case .binary(let bytes):
      try claim(part.first == UInt8(ascii: "b"), "\(packet) must begin with b")
      try claim(bytes.count <= part.count, "base64 must not grow")
    }
  }

  /// Feeds the messages of a payload to one Socket.IO session.
  private static func checkMessages(_ packets: [EngineIOPacket]) throws(Violation) {
    var decoder = SocketIODecoder()
    do {
      for packet in packets {
        switch packet {
        case .message(let text):
          if let packet = try decoder.receive(text) { try check(packet) }
        case .binary(let bytes):
          if let packet = try decoder.receive(binary: bytes) { try check(packet) }
        default: break
        }
      }
    } catch let error as Violation {
      throw error
    } catch {
      // Anything but a violation is a refusal, which ends a session.
      return
    }
  }

  private static func check(_ packet: SocketIOPacket) throws(Violation) {
    try claim(packet.namespace.hasPrefix("/"), "a namespace must begin with /")
    try claim(packet.attachments.count <= 16, "there must be at most 16 attachments")
    // Numbers and an id look alike; the protocol has no packet whose data is a number.
    if packet.data?.number != nil { return }
    var decoder = SocketIODecoder()
    var found: SocketIOPacket?
    do throws(SocketIOError) {
      found = try decoder.receive(packet.text)
      for bytes in packet.attachments { found = try decoder.receive(binary: bytes) }
    } catch {
      throw Violation("\(packet) was written as \(packet.text), which is refused: \(error.message)")
    }
    try claim(found == packet, "\(packet) was written and read as \(String(describing: found))")
  }
}
