import NIOCore
import NIOHTTP1
import NIOWebSocket

/// The clients that get every message of `/ws/fanout`.
///
/// It lives on the one event loop of the program, so nothing of it is shared between threads.
final class Room: @unchecked Sendable {
  private var sockets: [ObjectIdentifier: any Channel] = [:]
  private var readers: [ObjectIdentifier: any Channel] = [:]

  /// Takes in a WebSocket until it closes.
  func add(socket: any Channel) {
    let key = ObjectIdentifier(socket)
    sockets[key] = socket
    socket.closeFuture.whenComplete { _ in self.sockets[key] = nil }
  }

  /// Takes in a reader of server-sent events until it closes.
  func add(reader: any Channel) {
    let key = ObjectIdentifier(reader)
    readers[key] = reader
    reader.closeFuture.whenComplete { _ in self.readers[key] = nil }
  }

  /// Delivers a text to everybody; the bytes are shared, the frame heads and chunk heads are not.
  func send(_ text: ByteBuffer) {
    let frame = WebSocketFrame(fin: true, opcode: .text, data: text)
    for socket in sockets.values { socket.writeAndFlush(frame, promise: nil) }
    guard !readers.isEmpty else { return }
    var event = ByteBuffer(string: "data: ")
    event.writeImmutableBuffer(text)
    event.writeStaticString("\n\n")
    let part = HTTPServerResponsePart.body(.byteBuffer(event))
    for reader in readers.values { reader.writeAndFlush(part, promise: nil) }
  }
}
