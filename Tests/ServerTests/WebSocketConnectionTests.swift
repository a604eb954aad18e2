import HTTP
import HTTPTypes
import Server
import TestSupport
import Testing
import WebSocket

@Suite(.timeLimit(.minutes(1))) struct `WebSocket connection` {
  private static var router: Router {
    var router = Router()
    router.add(.get, "/echo") { request in
      try .webSocket(request.head) { socket in
        while let event = try await socket.receive() {
          if case .text(let text) = event { try await socket.send(text: text) }
          if case .binary(let bytes) = event { try await socket.send(.binary, bytes) }
        }
      }
    }
    return router
  }

  private static let handshake = """
    GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n
    """

  /// A masked client frame, made without the code under test.
  private static func frame(_ opcode: UInt8, _ payload: [UInt8], isFinal: Bool = true) -> [UInt8] {
    let key: [UInt8] = [1, 2, 3, 4]
    var bytes = [(isFinal ? 0x80 : 0) | opcode]
    if payload.count < 126 {
      bytes.append(0x80 | UInt8(payload.count))
    } else {
      bytes += [0x80 | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
    }
    return bytes + key + payload.enumerated().map { $1 ^ key[$0 % 4] }
  }

  private static func converse(_ frames: [UInt8]) async throws -> [UInt8] {
    try await withServer(router) { port in
      let client = try RawClient(port: port)
      try await client.send(handshake)
      let head = try await client.read(until: "\r\n\r\n")
      #expect(head.hasPrefix("HTTP/1.1 101 Switching Protocols\r\n"))
      #expect(head.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"))
      try await client.send(frames)
      return try await client.readToEnd()
    }
  }

  private static func close(_ code: UInt16) -> [UInt8] { [UInt8(code >> 8), UInt8(code & 0xFF)] }

  @Test func `echoes text, fragments and binary, and closes in order`() async throws {
    let frames =
      Self.frame(1, Array("hi".utf8)) + Self.frame(1, Array("a".utf8), isFinal: false)
      + Self.frame(9, [7]) + Self.frame(0, Array("b".utf8)) + Self.frame(2, [0, 255]) + Self.frame(8, Self.close(1000))
    let answer = try await Self.converse(frames)
    #expect(answer == [0x81, 2, 104, 105, 0x8A, 1, 7, 0x81, 2, 97, 98, 0x82, 2, 0, 255, 0x88, 2, 3, 232])
  }

  @Test(
    arguments: [
      ([0x81, 0x02, 104, 105], 1002), ([0xF1, 0x80, 0, 0, 0, 0], 1002), ([0x83, 0x80, 0, 0, 0, 0], 1002),
      ([0x80, 0x80, 0, 0, 0, 0], 1002), ([0x81, 0x81, 0, 0, 0, 0, 0xFF], 1007), ([0x09, 0x80, 0, 0, 0, 0], 1002),
      ([0x81, 0xFF, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0], 1009), ([0x88, 0x81, 0, 0, 0, 0, 3], 1002),
    ] as [([UInt8], UInt16)])
  func `closes with the code of the fault`(frames: [UInt8], code: UInt16) async throws {
    let answer = try await Self.converse(frames)
    #expect(answer.prefix(1) == [0x88])
    #expect(answer.dropFirst(2).prefix(2) == Self.close(code)[...])
  }

  @Test func `pings an idle client and drops one that does not answer`() async throws {
    try await withServer(
      Self.router, configure: { $0.webSocketPing = .milliseconds(1) },
      { port in
        let client = try RawClient(port: port)
        try await client.send(Self.handshake)
        _ = try await client.read(until: "\r\n\r\n")
        let rest = try await client.readToEnd()
        #expect(rest == [0x89, 0])
      })
  }

  @Test func `says going away when the server stops`() async throws {
    let server = try HTTPServer(
      configuration: ServerConfiguration(host: "127.0.0.1", port: 0),
      handler: ServerHandler(router: Self.router, logger: .silent))
    let rest = try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await server.run() }
      let client = try RawClient(port: server.port)
      try await client.send(Self.handshake)
      _ = try await client.read(until: "\r\n\r\n")
      await server.stop()
      let frame = try await client.read(4)
      try await client.send(Self.frame(8, Self.close(1001)))
      _ = try await client.readToEnd()
      return frame
    }
    #expect(rest.prefix(1) == [0x88])
    #expect(rest.suffix(2) == Self.close(1001)[...])
  }

  @Test(arguments: [
    ("Upgrade: websocket\r\n", "Upgrade: h2c\r\n", "426"), ("Version: 13", "Version: 8", "426"),
    ("dGhlIHNhbXBsZSBub25jZQ==", "short", "400"), ("GET /echo", "POST /echo", "405"),
  ])
  func `refuses what is no handshake`(part: String, replacement: String, status: String) async throws {
    let request = Self.handshake.replacing(part, with: replacement)
    let answer = try await withServer(Self.router) { port in
      let client = try RawClient(port: port)
      try await client.send(request)
      await client.finish()
      return String(decoding: try await client.readToEnd(), as: UTF8.self)
    }
    #expect(answer.hasPrefix("HTTP/1.1 \(status) "))
  }
}
