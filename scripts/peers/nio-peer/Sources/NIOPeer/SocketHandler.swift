import NIOCore
import NIOWebSocket

/// A WebSocket that sends its messages back, or, in a room, to everybody.
///
/// Messages in one frame only: the load that it is measured with has no others.
final class SocketHandler: ChannelInboundHandler {
  typealias InboundIn = WebSocketFrame
  typealias OutboundOut = WebSocketFrame

  private let room: Room?
  private var pings: RepeatedTask?

  init(room: Room?) { self.room = room }

  func handlerAdded(context: ChannelHandlerContext) {
    room?.add(socket: context.channel)
    let channel = context.channel
    pings = context.eventLoop.scheduleRepeatedTask(initialDelay: .seconds(30), delay: .seconds(30)) { _ in
      channel.writeAndFlush(WebSocketFrame(fin: true, opcode: .ping, data: ByteBuffer()), promise: nil)
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    pings?.cancel()
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let frame = unwrapInboundIn(data)
    switch frame.opcode {
    case .text, .binary:
      guard let room else { return send(context, frame.opcode, frame.unmaskedData) }
      room.send(frame.unmaskedData)
    case .ping: send(context, .pong, frame.unmaskedData)
    case .connectionClose:
      send(context, .connectionClose, frame.unmaskedData)
      context.close(promise: nil)
    default: break
    }
  }

  private func send(_ context: ChannelHandlerContext, _ opcode: WebSocketOpcode, _ data: ByteBuffer) {
    context.writeAndFlush(wrapOutboundOut(WebSocketFrame(fin: true, opcode: opcode, data: data)), promise: nil)
  }
}
