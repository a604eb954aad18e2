package import WebSocket

/// A WebSocket (RFC 6455) on a connection: whole messages in, encoded frames out.
///
///     open -> close frame sent or received -> both -> closed
///
/// Pings are answered here. Calls hop to the connection's event loop, so that it may be shared between tasks.
package actor WebSocketConnection {
  /// The connection's loop, so that calls from its handler do not leave the thread.
  package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe connection.unownedExecutor }
  private let connection: HTTPConnection
  private var hasSentClose = false
  private var isWriting = false
  private var pending: [UInt8] = []
  private var waiters: [CheckedContinuation<Void, Never>] = []
  private var isAwaitingPong = false

  private let compressor: MessageCompressor?

  init(_ connection: HTTPConnection, deflate: DeflateParameters?) {
    self.connection = connection
    compressor = deflate.map { MessageCompressor($0) }
  }

  /// How a message that was encoded once for many connections may reach this one.
  package enum SharedForm: Sendable {
    /// As `FrameEncoder.frame` makes it.
    case plain
    /// As `MessageCompressor.compressAlone` makes it.
    case compressed
    /// Not at all: it has to be compressed for this connection alone.
    case none
  }

  /// The form that this connection takes.
  package var sharedForm: SharedForm {
    guard let compressor else { return .plain }
    return compressor.takesShared ? .compressed : .none
  }

  /// The next text or binary message, or nil when the client has closed.
  ///
  /// - Throws: `ConnectionError` when the connection breaks; a fault against the protocol is answered with its close
  ///   code and ends like a close.
  package func receive() async throws -> WebSocketEvent? {
    while true {
      do {
        guard let event = try takeEvent() else {
          try await awaitBytes()
          continue
        }
        switch event {
        case .text, .binary: return event
        case .ping(let payload): try await control(FrameEncoder.frame(.pong, payload))
        case .pong: isAwaitingPong = false
        case .close(let code, _):
          await close(code ?? .normalClosure)
          return nil
        }
      } catch let error as WebSocketError {
        await close(error.code, reason: error.message)
        return nil
      }
    }
  }

  // The connection is on the same loop: what needs no waiting is asked of it without a suspension.

  private func takeEvent() throws -> WebSocketEvent? {
    try connection.assumeIsolated { try $0.takeWebSocketEvent() }
  }

  private func writeNow(_ frames: [UInt8]) throws -> Int {
    try connection.assumeIsolated { try $0.channel.writeNow(frames) }
  }

  private func awaitBytes() async throws {
    do {
      guard try await connection.readMore(timeout: connection.configuration.webSocketPing) else {
        throw ConnectionError.endOfInput
      }
    } catch ConnectionError.timedOut {
      guard !isAwaitingPong else { throw ConnectionError.timedOut }
      isAwaitingPong = true
      try await control(FrameEncoder.frame(.ping, []))
    }
  }

  /// Sends a message, and returns when all but a bounded rest has been taken by the system.
  ///
  /// - Throws: `ConnectionError` when the client is gone or takes nothing for too long.
  package func send(_ opcode: Opcode, _ payload: [UInt8]) async throws {
    guard !hasSentClose else { throw ConnectionError.endOfInput }
    try await write(compressor?.frame(opcode, payload) ?? FrameEncoder.frame(opcode, payload))
  }

  /// Sends a text message.
  package func send(text: String) async throws { try await send(.text, Array(text.utf8)) }

  /// Sends frames that were encoded in the form of `sharedForm`, in order, like `send`.
  package func send(shared frames: [UInt8]) async throws {
    guard !hasSentClose else { throw ConnectionError.endOfInput }
    compressor?.forget()
    try await write(frames)
  }

  /// Sends a close frame, once; what comes later is not sent.
  package func close(_ code: CloseCode, reason: String = "") async {
    guard !hasSentClose else { return }
    hasSentClose = true
    // The connection may be gone already, which is what closing wants.
    try? await write(FrameEncoder.close(code, reason: reason))
  }

  private func control(_ frame: [UInt8]) async throws {
    guard !hasSentClose else { throw ConnectionError.endOfInput }
    try await write(frame)
  }

  /// Whether who has something to send is to be held back.
  private var mustWait: Bool { isWriting && pending.count > 64 * 1024 }

  private func write(_ frames: [UInt8]) async throws {
    if !isWriting, pending.isEmpty {
      let count = try writeNow(frames)
      if count == frames.count { return }
      pending = Array(frames[count...])
    } else {
      pending.append(contentsOf: frames)
    }
    while mustWait {
      await withCheckedContinuation { continuation in
        if mustWait { waiters.append(continuation) } else { continuation.resume() }
      }
    }
    guard !isWriting else { return }
    isWriting = true
    defer {
      isWriting = false
      for waiter in waiters { waiter.resume() }
      waiters = []
    }
    while !pending.isEmpty {
      let bytes = pending
      pending = []
      try await connection.writeRaw(bytes)
    }
  }
}
