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

  init(_ connection: HTTPConnection) { self.connection = connection }

  /// The next text or binary message, or nil when the client has closed.
  ///
  /// - Throws: `ConnectionError` when the connection breaks; a fault against the protocol is answered with its close
  ///   code and ends like a close.
  package func receive() async throws -> WebSocketEvent? {
    while true {
      do {
        guard let event = try await nextEvent() else { return nil }
        switch event {
        case .text, .binary: return event
        case .ping(let payload): try await send(FrameEncoder.frame(.pong, payload))
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

  private func nextEvent() async throws -> WebSocketEvent? {
    while true {
      if let event = try await connection.takeWebSocketEvent() { return event }
      do {
        guard try await connection.readMore(timeout: connection.configuration.webSocketPing) else {
          throw ConnectionError.endOfInput
        }
      } catch ConnectionError.timedOut {
        guard !isAwaitingPong else { throw ConnectionError.timedOut }
        isAwaitingPong = true
        try await send(FrameEncoder.frame(.ping, []))
      }
    }
  }

  /// Sends encoded frames in order, and returns when all but a bounded rest has been taken by the system.
  ///
  /// - Throws: `ConnectionError` when the client is gone or takes nothing for too long.
  package func send(_ frames: [UInt8]) async throws {
    guard !hasSentClose else { throw ConnectionError.endOfInput }
    try await write(frames)
  }

  /// Sends a text message.
  package func send(text: String) async throws { try await send(FrameEncoder.text(text)) }

  /// Sends a close frame, once; what comes later is not sent.
  package func close(_ code: CloseCode, reason: String = "") async {
    guard !hasSentClose else { return }
    hasSentClose = true
    // The connection may be gone already, which is what closing wants.
    try? await write(FrameEncoder.close(code, reason: reason))
  }

  private func write(_ frames: [UInt8]) async throws {
    pending.append(contentsOf: frames)
    while isWriting, pending.count > 64 * 1024 { await withCheckedContinuation { waiters.append($0) } }
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
