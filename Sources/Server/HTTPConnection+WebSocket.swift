import HTTP
import Logging
import Platform
import WebSocket

extension HTTPConnection {
  /// Serves a WebSocket until it ends, and closes the connection.
  func run(_ upgrade: WebSocketUpgrade) async {
    handler.meter?.webSockets.add()
    defer {
      handler.meter?.webSockets.add(-1)
      channel.close()
    }
    outbound = []
    forgetRequests()
    do {
      try await RequestContext.$id.withValue(requestID) { try await drive(upgrade) }
    } catch { trace(error) }
  }

  /// Drives a WebSocket until its handler returns, then closes it in order (RFC 6455 section 7.1.1).
  private func drive(_ upgrade: WebSocketUpgrade) async throws {
    webSocketDecoder = WebSocketDecoder(
      maximumMessage: upgrade.maximumMessage ?? configuration.webSocketMessage, deflate: upgrade.deflate)
    let socket = WebSocketConnection(self, deflate: upgrade.deflate)
    webSocket = socket
    defer { webSocket = nil }
    if isDraining { await socket.close(.goingAway, reason: "the server is stopping") }
    do {
      try await upgrade.run(socket)
      await socket.close(.normalClosure)
    } catch let error as WebSocketError {
      await socket.close(error.code, reason: error.message)
    } catch let error as ConnectionError {
      throw error
    } catch {
      handler.logger.error("websocket failed", metadata: ["error": "\(error)"])
      await socket.close(.internalError, reason: "something went wrong inside")
    }
    try await channel.linger()
  }

  func takeWebSocketEvent() throws -> WebSocketEvent? { try webSocketDecoder?.next(&channel.inbound) }

  func readMore(timeout: Duration) async throws -> Bool { try await channel.fill(timeout: timeout) }

  func writeRaw(_ bytes: [UInt8]) async throws { try await channel.write(bytes, timeout: configuration.writeTimeout) }
}
