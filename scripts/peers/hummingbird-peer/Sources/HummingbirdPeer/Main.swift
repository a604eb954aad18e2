import Foundation
import Hummingbird
import Logging
import NIOPosix

/// The daemon's answer to `GET /health`, without a database to ask.
struct Health: ResponseEncodable {
  let status = "healthy"
  let timestamp = Date.now.formatted(.iso8601)
  let version = "1.0.0"
  let environment = "development"
  let region = "local"
  let app_name = "vibegrapher"
  let database = "connected"
  let database_type = "sqlite"
}

/// Serves on a free port of 127.0.0.1, on one event loop, and says where in its first line, as the daemon does.
@main
enum Main {
  static func main() async throws {
    let router = Router()
    router.get("/health") { _, _ in Health() }
    var logger = Logger(label: "peer")
    logger.logLevel = .warning
    let application = Application(
      router: router,
      configuration: .init(address: .hostname("127.0.0.1", port: 0)),
      onServerRunning: { channel in
        print("listening on http://127.0.0.1:\(channel.localAddress?.port ?? 0)")
        fflush(nil)
      },
      eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup(numberOfThreads: 1)),
      logger: logger)
    try await application.runService()
  }
}
