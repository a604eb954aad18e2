import Compression
package import HTTP

/// A whole message of a peer, or a control frame.
package enum WebSocketEvent: Sendable, Hashable {
  /// A text message.
  case text(String)
  /// A binary message.
  case binary([UInt8])
  /// A ping, to be answered with a pong of the same payload (RFC 6455 section 5.5.2).
  case ping([UInt8])
  /// A pong.
  case pong([UInt8])
  /// The peer's close frame; no code when it had none.
  case close(CloseCode?, reason: String)
}

/// Assembles a client's frames into messages (RFC 6455 section 5.4) and restores compressed ones (RFC 7692).
///
///     idle -> text or binary frame, not final -> continuation ... -> final -> idle
///        \-> control frames at any point, also between fragments
///
/// Bounds hold for what a message is restored to, so that a small frame cannot become a large message.
package struct WebSocketDecoder {
  private let maximumMessage: Int
  private let deflate: DeflateParameters?
  private var inflater: Inflater?
  private var isCompressed = false
  private var frames: FrameDecoder
  private var header: FrameDecoder.Header?
  private var kind: Opcode?
  private var message: [UInt8] = []
  private var validator = UTF8Validator()

  /// A decoder at the start of a connection; a message may have so many bytes.
  package init(maximumMessage: Int, deflate: DeflateParameters? = nil) {
    self.maximumMessage = maximumMessage
    self.deflate = deflate
    frames = FrameDecoder(allowsCompression: deflate != nil)
  }

  /// The next event in the queue, or nil when more bytes are needed.
  package mutating func next(_ queue: inout ByteQueue) throws(WebSocketError) -> WebSocketEvent? {
    while let event = try frames.next(&queue) {
      switch event {
      case .header(let header):
        try begin(header)
        self.header = header
      case .payload(let bytes, let isLast):
        guard let header else { continue }
        if header.opcode.isControl { return try control(header.opcode, bytes) }
        try append(bytes)
        if isLast, header.isFinal { return try finish() }
      }
    }
    return nil
  }

  private mutating func begin(_ header: FrameDecoder.Header) throws(WebSocketError) {
    guard !header.opcode.isControl else { return }
    if header.opcode == .continuation {
      guard kind != nil else { throw WebSocketError(.protocolError, "a continuation frame must continue something") }
    } else {
      guard kind == nil else { throw WebSocketError(.protocolError, "a new message must not start inside another") }
      kind = header.opcode
      isCompressed = header.isCompressed
      validator = UTF8Validator()
    }
    // What is compressed may be longer than what it says; there only the inflater can tell.
    guard isCompressed || header.length <= maximumMessage - message.count else { throw tooBig }
  }

  private var tooBig: WebSocketError {
    WebSocketError(.messageTooBig, "a message may have \(maximumMessage) bytes")
  }

  private mutating func append(_ bytes: [UInt8]) throws(WebSocketError) {
    let start = message.count
    if isCompressed {
      do throws(WebSocketError) { try inflate(bytes) } catch {
        // What was restored before the fault is judged first, so that the split of the bytes does not matter.
        guard kind != .text || validator.receive(message, from: start) else {
          throw WebSocketError(.invalidPayload, "text must be UTF-8")
        }
        throw error
      }
    } else if message.isEmpty {
      message = bytes
    } else {
      message.append(contentsOf: bytes)
    }
    if kind == .text, !validator.receive(message, from: start) {
      throw WebSocketError(.invalidPayload, "text must be UTF-8")
    }
  }

  private mutating func inflate(_ bytes: [UInt8]) throws(WebSocketError) {
    do throws(CompressionError) {
      if inflater == nil { inflater = try Inflater(windowBits: deflate?.clientWindowBits ?? 15) }
      try inflater?.decompress(bytes, into: &message, limit: maximumMessage - message.count)
    } catch {
      switch error {
      case .tooLarge: throw tooBig
      case .badData: throw WebSocketError(.invalidPayload, "a compressed message must be a DEFLATE stream")
      case .outOfMemory: throw WebSocketError(.internalError, "no memory is left to restore a message")
      }
    }
  }

  /// Puts back what the sender took from the end of a compressed message (RFC 7692 section 7.2.2).
  private mutating func endCompressed() throws(WebSocketError) {
    try append([0, 0, 0xFF, 0xFF])
    guard let inflater, inflater.isBetweenBlocks else {
      throw WebSocketError(.invalidPayload, "a compressed message must end with a block")
    }
    if deflate?.clientForgets == true { inflater.reset() }
  }

  private mutating func finish() throws(WebSocketError) -> WebSocketEvent {
    if isCompressed { try endCompressed() }
    defer {
      kind = nil
      message = []
    }
    guard kind == .text else { return .binary(message) }
    guard validator.isComplete else { throw WebSocketError(.invalidPayload, "text must be UTF-8") }
    return .text(String(decoding: message, as: UTF8.self))
  }

  private func control(_ opcode: Opcode, _ payload: [UInt8]) throws(WebSocketError) -> WebSocketEvent {
    switch opcode {
    case .ping: return .ping(payload)
    case .pong: return .pong(payload)
    default:
      guard !payload.isEmpty else { return .close(nil, reason: "") }
      guard payload.count >= 2 else { throw WebSocketError(.protocolError, "a close code has two bytes") }
      let code = CloseCode(rawValue: UInt16(payload[0]) << 8 | UInt16(payload[1]))
      guard code.isValidOnWire else {
        throw WebSocketError(.protocolError, "close code \(code.rawValue) is not for frames")
      }
      guard let reason = String(validating: payload[2...], as: UTF8.self) else {
        throw WebSocketError(.invalidPayload, "a close reason must be UTF-8")
      }
      return .close(code, reason: reason)
    }
  }
}
