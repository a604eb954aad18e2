import EventLog
import HTTPTypes
import JSON
import Server
import WebSocket

/// Echoes for conformance suites and benchmarks, served with `WEBSOCKET_ECHO=true` only; the code behind them is that
/// of `/ws` and of the event streams.
enum EchoRoutes {
  /// Bytes of a message to `/ws/echo`.
  private static let messageLimit = 16 << 20
  /// The topic of the room in which every message reaches every client.
  private static let room = "echo:room"

  static func register(on router: inout Router, _ journal: Journal, _ configuration: APIConfiguration) {
    router.add(.get, "/ws/echo") { request in
      try .webSocket(request.head, maximumMessage: messageLimit) { socket in
        while let event = try await socket.receive() {
          switch event {
          case .text(let text): try await socket.send(text: text)
          case .binary(let bytes): try await socket.send(.binary, bytes)
          default: break
          }
        }
      }
    }
    router.add(.get, "/ws/fanout") { request in
      try .webSocket(request.head) { socket in try await join(journal, socket) }
    }
    router.add(.get, "/sse/fanout") { _ in
      EventStreamResponse.make(journal, topic: room, after: nil, configuration: configuration)
    }
  }

  private static func join(_ journal: Journal, _ socket: WebSocketConnection) async throws {
    let subscription = Subscription.start(journal, topic: room, after: nil)
    defer { subscription.cancel() }
    try await withThrowingDiscardingTaskGroup { group in
      group.addTask { try await TopicSocket.pump(subscription, to: socket) }
      while let event = try await socket.receive() {
        guard case .text(let text) = event else { continue }
        await journal.post(NewEvent("message", topics: [room], data: .string(text)))
      }
      subscription.cancel()
    }
  }
}
