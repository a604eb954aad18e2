import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket

/// Serves on a free port of 127.0.0.1, on one event loop, and says where in its first line, as the daemon does.
@main
enum Main {
  static func main() async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let room = Room()
    let server = try await ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 4096)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelInitializer { channel in
        let handler = HTTPHandler(room: room)
        return channel.pipeline.configureHTTPServerPipeline(
          withServerUpgrade: (
            upgraders: [upgrader(room)],
            completionHandler: { context in context.pipeline.syncOperations.removeHandler(handler, promise: nil) }
          )
        ).flatMap { channel.pipeline.addHandler(handler) }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    print("listening on http://127.0.0.1:\(server.localAddress?.port ?? 0)")
    fflush(stdout)
    try await server.closeFuture.get()
  }

  private static func upgrader(_ room: Room) -> NIOWebSocketServerUpgrader {
    NIOWebSocketServerUpgrader(
      maxFrameSize: 1 << 20,
      shouldUpgrade: { channel, head in
        let isKnown = head.uri == "/ws/echo" || head.uri == "/ws/fanout"
        return channel.eventLoop.makeSucceededFuture(isKnown ? HTTPHeaders() : nil)
      },
      upgradePipelineHandler: { channel, head in
        channel.pipeline.addHandler(SocketHandler(room: head.uri == "/ws/fanout" ? room : nil))
      })
  }
}
