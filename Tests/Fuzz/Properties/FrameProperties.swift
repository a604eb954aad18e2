import HTTP
import WebSocket

/// Of WebSocket frames: the split does not matter, nothing exceeds its bound, and the server's frames hold what they
/// were made of.
enum FrameProperties {
  struct Decoded: Equatable {
    var events: [WebSocketEvent] = []
    var error: WebSocketError?
    var left = 0

    init(_ parts: [[UInt8]], _ settings: Settings) {
      var decoder = WebSocketDecoder(maximumMessage: settings.maximum, deflate: settings.deflate)
      var queue = ByteQueue()
      do throws(WebSocketError) {
        for part in parts {
          queue.append(part)
          while let event = try decoder.next(&queue) { events.append(event) }
        }
        left = queue.count
      } catch {
        self.error = error
      }
    }
  }

  struct Settings {
    var maximum: Int
    var deflate: DeflateParameters?

    /// Bit 0: deflate; bits 1 and 2: who forgets; bits 3 to 5: the server's window, of 9 to 15 bits; bits 6 and 7: the
    /// largest message.
    ///
    /// The client's window has 15 bits: of one that refers further back than a smaller one, zlib takes or refuses a
    /// message as its parts happen to come, and both are right.
    init(_ options: UInt8) {
      maximum = [64, 1000, 10_000, 1 << 20][Int(options >> 6)]
      deflate = Self.agreements[Int(options & 0x3F)]
    }

    /// What the handshake agrees on for each offer that the options stand for.
    private static let agreements: [DeflateParameters?] = (0..<64).map(agreement)

    private static func agreement(_ options: Int) -> DeflateParameters? {
      guard options & 1 != 0 else { return nil }
      let bits = 8 + options >> 3
      var offer = "permessage-deflate; server_max_window_bits=\(max(9, bits))"
      if options & 2 != 0 { offer += "; client_no_context_takeover" }
      if options & 4 != 0 { offer += "; server_no_context_takeover" }
      let lines = [
        "GET / HTTP/1.1", "Host: a", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Extensions: " + offer, "", "",
      ]
      var (decoder, queue) = (RequestDecoder(), ByteQueue())
      queue.append(lines.joined(separator: "\r\n").utf8)
      do {
        guard case .head(let head)? = try decoder.next(&queue) else { preconditionFailure("the request is whole") }
        return try WebSocketHandshake.accept(head).deflate
      } catch {
        preconditionFailure("a handshake must be accepted that offers \(offer): \(error)")
      }
    }
  }

  static func check(_ input: inout FuzzInput) throws(Violation) {
    let settings = Settings(input.options)
    let whole = Decoded([input.bytes], settings)
    for parts in input.deliveries.dropFirst() {
      let found = Decoded(parts, settings)
      try claim(found == whole, "\(parts.count) parts must give \(whole), gave \(found)")
    }
    for event in whole.events { try check(event, settings) }
    try checkWritten(whole.events, settings)
  }

  private static func check(_ event: WebSocketEvent, _ settings: Settings) throws(Violation) {
    switch event {
    case .text(let text):
      try claim(text.utf8.count <= settings.maximum, "a text must not be above the limit")
    case .binary(let bytes):
      try claim(bytes.count <= settings.maximum, "a message must not be above the limit")
    case .ping(let bytes), .pong(let bytes):
      try claim(bytes.count <= 125, "a control frame must have at most 125 bytes")
    case .close(let code, let reason):
      try claim(code?.isValidOnWire ?? reason.isEmpty, "a close code must be one for the wire")
      try claim(reason.utf8.count <= 123, "a reason must have at most 123 bytes")
    }
  }

  /// The server's frames, masked as a client does, must be read as what they were made of.
  private static func checkWritten(_ events: [WebSocketEvent], _ settings: Settings) throws(Violation) {
    var reader = settings
    reader.maximum = 1 << 20
    reader.deflate?.clientWindowBits = settings.deflate?.serverWindowBits ?? 15
    reader.deflate?.clientForgets = settings.deflate?.serverForgets ?? false
    let compressor = settings.deflate.map { MessageCompressor($0) }
    var bytes: [UInt8] = []
    for event in events {
      switch event {
      case .text(let text): bytes += masked(message(.text, Array(text.utf8), compressor))
      case .binary(let payload): bytes += masked(message(.binary, payload, compressor))
      case .ping(let payload): bytes += masked(FrameEncoder.frame(.ping, payload))
      case .pong(let payload): bytes += masked(FrameEncoder.frame(.pong, payload))
      case .close(let code?, let reason): bytes += masked(FrameEncoder.close(code, reason: reason))
      case .close(nil, _): bytes += masked(FrameEncoder.frame(.close, []))
      }
    }
    let found = Decoded([bytes], reader)
    try claim(found.events == events && found.error == nil, "\(events) were written and read as \(found)")
  }

  private static func message(_ opcode: Opcode, _ payload: [UInt8], _ compressor: MessageCompressor?) -> [UInt8] {
    compressor?.frame(opcode, payload) ?? FrameEncoder.frame(opcode, payload)
  }

  /// The same frame with a masking key, which a client's must have.
  private static func masked(_ frame: [UInt8]) -> [UInt8] {
    let key: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
    let length = Int(frame[1])
    let head = 2 + (length == 126 ? 2 : length == 127 ? 8 : 0)
    var bytes = Array(frame[..<head])
    bytes[1] |= 0x80
    bytes += key
    for (offset, byte) in frame[head...].enumerated() { bytes.append(byte ^ key[offset & 3]) }
    return bytes
  }
}
