import Logging
package import Server

/// Runs a server on a free port of the loopback while `body` runs, and stops it afterwards.
package func withServer<T: Sendable>(
  _ router: Router, configure: (inout ServerConfiguration) -> Void = { _ in },
  _ body: @Sendable (Int) async throws -> T
) async throws -> T {
  var configuration = ServerConfiguration(host: "127.0.0.1", port: 0)
  configure(&configuration)
  return try await withServer(
    HTTPServer(configuration: configuration, handler: ServerHandler(router: router, logger: .silent)), body)
}

/// Runs this server while `body` runs, and stops it afterwards.
package func withServer<T: Sendable>(_ server: HTTPServer, _ body: @Sendable (Int) async throws -> T) async throws -> T
{
  try await withThrowingTaskGroup(of: Void.self) { group in
    group.addTask { await server.run() }
    do {
      let result = try await body(server.port)
      await server.stop(grace: .seconds(2))
      return result
    } catch {
      await server.stop(grace: .seconds(2))
      throw error
    }
  }
}
