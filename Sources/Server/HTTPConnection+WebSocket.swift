package import HTTP
import HTTPTypes
import Logging
import WebSocket

extension HTTPConnection {
  /// Drives a WebSocket until its handler returns, then closes it in order (RFC 6455 section 7.1.1).
  func runWebSocket(
    _ body: @Sendable (WebSocketConnection) async throws -> Void
  ) async throws {
    let socket = WebSocketConnection(self)
    webSocket = socket
    defer { webSocket = nil }
    if isDraining { await socket.close(.goingAway, reason: "the server is stopping") }
    do {
      try await body(socket)
      await socket.close(.normalClosure)
    } catch let error as WebSocketError {
      await socket.close(error.code, reason: error.message)
    } catch let error as ConnectionError {
      throw error
    } catch {
      handler.logger.error("websocket failed", metadata: ["error": "\(error)"])
      await socket.close(.internalError, reason: "something went wrong inside")
    }
    channel.finishWriting()
    var received = 0
    while received < 1 << 20, try await channel.fill(timeout: .seconds(2)) {
      received += channel.inbound.count
      channel.inbound = ByteQueue()
    }
  }

  func takeWebSocketEvent() throws -> WebSocketEvent? { try webSocketDecoder.next(&channel.inbound) }

  func readMore(timeout: Duration) async throws -> Bool { try await channel.fill(timeout: timeout) }

  func writeRaw(_ bytes: [UInt8]) async throws { try await channel.write(bytes, timeout: configuration.writeTimeout) }
}

extension Response {
  /// The answer to a request for a WebSocket: `101` and the closure, or why not.
  package static func webSocket(
    _ head: RequestHead, _ body: @escaping @Sendable (WebSocketConnection) async throws -> Void
  ) -> Response {
    do {
      return Response(.switchingProtocols, fields: try WebSocketHandshake.accept(head), body: .webSocket(body))
    } catch {
      var problem: Problem
      switch error {
      case .malformed(let message): problem = Problem(.badRequest, code: "bad_handshake", message)
      case .notAnUpgrade:
        problem = Problem(.upgradeRequired, code: "upgrade_required", "this address speaks WebSocket only")
        problem.fields.append("upgrade", "websocket")
      case .unsupportedVersion:
        problem = Problem(.upgradeRequired, code: "upgrade_required", "only version 13 of WebSocket is spoken here")
        problem.fields.append("upgrade", "websocket")
        problem.fields.append("sec-websocket-version", "13")
      }
      return problem.response(instance: head.path, requestID: "")
    }
  }
}
