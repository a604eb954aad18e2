import WebSocket

extension Response {
  /// The same answer, whose stream or WebSocket, if it has one, ends when `end` returns.
  ///
  /// `end` is cancelled when the stream ends by itself.
  package func ending(when end: @escaping @Sendable () async -> Void) -> Response {
    var response = self
    switch body {
    case .empty, .bytes, .file: break
    case .stream(let write):
      response.body = .stream { writer in
        try await withThrowingTaskGroup(of: Void.self) { group in
          group.addTask { try await write(writer) }
          group.addTask { await end() }
          try await group.next()
          group.cancelAll()
        }
      }
    case .webSocket(let upgrade):
      response.body = .webSocket(
        WebSocketUpgrade(maximumMessage: upgrade.maximumMessage, deflate: upgrade.deflate) { socket in
          try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
              await end()
              // What still writes to it fails then, and what reads ends with the client's answer or silence.
              if !Task.isCancelled { await socket.close(.policyViolation, reason: "the access key has ended") }
            }
            try await upgrade.run(socket)
            group.cancelAll()
          }
        })
    }
    return response
  }
}
