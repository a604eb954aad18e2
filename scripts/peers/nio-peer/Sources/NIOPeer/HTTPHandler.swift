import Foundation
import NIOCore
import NIOHTTP1

/// Answers `/health`, and `/sse/fanout` with the events of the room.
final class HTTPHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let room: Room
  private var head: HTTPRequestHead?

  init(room: Room) { self.room = room }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): self.head = head
    case .body: break
    case .end:
      guard let head else { return }
      self.head = nil
      switch head.uri {
      case "/health": answer(context, .ok, Self.health())
      case "/sse/fanout": stream(context)
      default: answer(context, .notFound, #"{"detail":"no such address"}"#)
      }
    }
  }

  private func answer(_ context: ChannelHandlerContext, _ status: HTTPResponseStatus, _ text: String) {
    let body = context.channel.allocator.buffer(string: text)
    let fields: HTTPHeaders = [
      "content-type": "application/json", "content-length": String(body.readableBytes),
    ]
    context.write(
      wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: status, headers: fields))), promise: nil)
    context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
  }

  private func stream(_ context: ChannelHandlerContext) {
    let fields: HTTPHeaders = ["content-type": "text/event-stream", "cache-control": "no-cache"]
    context.writeAndFlush(
      wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .ok, headers: fields))), promise: nil)
    room.add(reader: context.channel)
  }

  /// The answer of the daemon, without a database to ask.
  private static func health() -> String {
    let now = Date.now.formatted(.iso8601)
    return """
      {"status":"healthy","timestamp":"\(now)","version":"1.0.0","environment":"development","region":"local",\
      "app_name":"vibegrapher","database":"connected","database_type":"sqlite"}
      """
  }
}
