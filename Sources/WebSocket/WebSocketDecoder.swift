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

/// Assembles a client's frames into messages (RFC 6455 section 5.4).
///
///     idle -> text or binary frame, not final -> continuation ... -> final -> idle
///        \-> control frames at any point, also between fragments
package struct WebSocketDecoder: Sendable {
  private let maximumMessage: Int
  private var frames = FrameDecoder()
  private var header: FrameDecoder.Header?
  private var kind: Opcode?
  private var message: [UInt8] = []
  private var validator = UTF8Validator()

  /// A decoder at the start of a connection; a message may have so many bytes.
  package init(maximumMessage: Int) { self.maximumMessage = maximumMessage }

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
      validator = UTF8Validator()
    }
    guard header.length <= maximumMessage - message.count else {
      throw WebSocketError(.messageTooBig, "a message may have \(maximumMessage) bytes")
    }
  }

  private mutating func append(_ bytes: [UInt8]) throws(WebSocketError) {
    if kind == .text, !validator.receive(bytes) { throw WebSocketError(.invalidPayload, "text must be UTF-8") }
    if message.isEmpty { message = bytes } else { message.append(contentsOf: bytes) }
  }

  private mutating func finish() throws(WebSocketError) -> WebSocketEvent {
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
