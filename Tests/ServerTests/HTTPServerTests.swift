import HTTP
import HTTPTypes
import JSON
import Platform
import Server
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct `HTTP server` {
  private static var router: Router {
    var router = Router()
    router.add(.get, "/hello") { _ in .json(["hello": "world"]) }
    router.add(.post, "/echo") { request in
      .json(.string(String(decoding: try await request.body.collect(upTo: 1000), as: UTF8.self)))
    }
    router.add(.post, "/ignore") { _ in Response(.noContent) }
    router.add(.get, "/items/{id}") { request in .json(.string(request.parameters["id"] ?? "")) }
    router.add(.get, "/items/special") { _ in .json("special") }
    router.add(.get, "/tree/{path...}") { request in .json(.string(request.parameters["path"] ?? "")) }
    router.add(.get, "/stream") { _ in
      Response(
        .ok, body: .stream { writer in for part in ["one", "two"] { try await writer.write(Array(part.utf8)) } })
    }
    router.add(.get, "/fails") { _ in throw SystemError(code: 5, operation: "reveal /etc/secret") }
    return router
  }

  private static func ask(_ text: String) async throws -> String {
    try await withServer(router) { port in
      let client = try RawClient(port: port)
      try await client.send(text)
      await client.finish()
      return String(decoding: try await client.readToEnd(), as: UTF8.self)
    }
  }

  private static func get(_ target: String, _ fields: String = "", method: String = "GET") -> String {
    "\(method) \(target) HTTP/1.1\r\nHost: localhost\r\n\(fields)\r\n"
  }

  @Test(arguments: [
    ("/hello", "{\"hello\":\"world\"}"), ("/hello?x=1", "{\"hello\":\"world\"}"), ("/items/a%20b", "\"a b\""),
    ("/items/special", "\"special\""), ("/tree/a/b%2Fc", "\"a/b/c\""),
    ("http://localhost/hello", "{\"hello\":\"world\"}"), ("/items/%F0%9F%98%80", "\"😀\""),
  ])
  func `routes by method and path`(target: String, body: String) async throws {
    let answer = try await Self.ask(Self.get(target))
    #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
    #expect(answer.hasSuffix("\r\n\r\n" + body))
  }

  @Test(arguments: [
    ("GET", "/nothing", "404 Not Found"), ("DELETE", "/hello", "405 Method Not Allowed"), ("GET", "/items/%zz", "400"),
    ("GET", "/items/%00", "400"), ("OPTIONS", "/hello", "204 No Content"), ("GET", "/items", "404"),
    ("GET", "/tree/", "404"),
  ])
  func `refuses what it does not serve`(method: String, target: String, status: String) async throws {
    let answer = try await Self.ask(Self.get(target, method: method))
    #expect(answer.hasPrefix("HTTP/1.1 " + status))
  }

  @Test func `names the methods that are allowed`() async throws {
    let answer = try await Self.ask(Self.get("/hello", method: "PUT"))
    #expect(answer.contains("allow: GET, HEAD, OPTIONS\r\n"))
    #expect(answer.contains("application/problem+json"))
  }

  @Test func `answers HEAD like GET without the body`() async throws {
    let answer = try await Self.ask(Self.get("/hello", method: "HEAD"))
    #expect(answer.contains("content-length: 17\r\n"))
    #expect(answer.hasSuffix("\r\n\r\n"))
  }

  @Test func `tells nothing of what went wrong inside`() async throws {
    let answer = try await Self.ask(Self.get("/fails", "X-Request-ID: abc-1\r\n"))
    #expect(answer.hasPrefix("HTTP/1.1 500 "))
    #expect(answer.contains("\"request_id\":\"abc-1\""))
    #expect(!answer.contains("secret"))
  }

  @Test func `answers pipelined requests in order`() async throws {
    let requests = (0..<500).map { Self.get("/items/\($0)") }.joined()
    let answer = try await Self.ask(requests)
    let bodies = answer.matches(of: /\r\n\r\n"(\d+)"/).map { Int($0.1) }
    #expect(bodies == (0..<500).map { $0 })
  }

  @Test(arguments: [
    "Content-Length: 5\r\n\r\nhello",
    "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nTrailer: x\r\n\r\n",
    "Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
  ])
  func `reads bodies`(rest: String) async throws {
    let answer = try await Self.ask("POST /echo HTTP/1.1\r\nHost: localhost\r\n" + rest)
    #expect(answer.hasSuffix("\"hello\""))
    #expect(answer.hasPrefix("HTTP/1.1 100 Continue\r\n\r\n") == rest.contains("Expect"))
  }

  @Test(arguments: [
    "Content-Length: 1001\r\n\r\n" + String(repeating: "x", count: 1001),
    "Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + String(repeating: "x", count: 1001) + "\r\n0\r\n\r\n",
  ])
  func `refuses bodies above the route's limit`(rest: String) async throws {
    let answer = try await Self.ask("POST /echo HTTP/1.1\r\nHost: localhost\r\n" + rest)
    #expect(answer.hasPrefix("HTTP/1.1 413 "))
  }

  @Test func `skips a body that nobody reads`() async throws {
    let request = "POST /ignore HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello" + Self.get("/hello")
    let answer = try await Self.ask(request)
    #expect(answer.contains("HTTP/1.1 204"))
    #expect(answer.hasSuffix("{\"hello\":\"world\"}"))
  }

  @Test func `streams in chunks, and to HTTP 1_0 until it closes`() async throws {
    let chunked = try await Self.ask(Self.get("/stream"))
    #expect(chunked.contains("transfer-encoding: chunked\r\n"))
    #expect(chunked.hasSuffix("\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"))
    let plain = try await Self.ask("GET /stream HTTP/1.0\r\n\r\n")
    #expect(!plain.contains("chunked"))
    #expect(plain.hasSuffix("\r\n\r\nonetwo"))
  }

  @Test(arguments: [
    ("GET /hello HTTP/1.1\r\n\r\n", "400"), ("GET /hello HTTP/2.0\r\nHost: a\r\n\r\n", "505"),
    ("garbage\r\n\r\n", "400"),
    ("GET /hello HTTP/1.1\nHost: a\n\n", "400"),
    ("GET /\(String(repeating: "x", count: 9000)) HTTP/1.1\r\n\r\n", "414"),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "x", count: 40_000))\r\n\r\n", "431"),
    ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "400"),
  ])
  func `answers what is malformed once, and closes`(request: String, status: String) async throws {
    let answer = try await Self.ask(request + Self.get("/hello"))
    #expect(answer.hasPrefix("HTTP/1.1 \(status) "))
    #expect(answer.contains("connection: close\r\n"))
    #expect(!answer.contains("world"))
  }

  @Test func `closes idle connections, and tells a slow request so`() async throws {
    try await withServer(
      Self.router,
      configure: { configuration in
        configuration.idleTimeout = .milliseconds(1)
        configuration.headTimeout = .milliseconds(1)
      },
      { port in
        let idle = try RawClient(port: port)
        let nothing = try await idle.readToEnd()
        #expect(nothing.isEmpty)
        let slow = try RawClient(port: port)
        try await slow.send("GET /hello HT")
        let answer = String(decoding: try await slow.readToEnd(), as: UTF8.self)
        #expect(answer.hasPrefix("HTTP/1.1 408 "))
      })
  }

  /// What comes while the request is at hand: nothing, a pipelined request ahead of the stop, or one behind it.
  @Test(arguments: ["/slow", "/slow/while-client-stays"], [nil, Order.ahead, .behind])
  func `lets the requests at hand finish when it stops`(target: String, pipelined: Order?) async throws {
    let (entered, enter) = AsyncStream.makeStream(of: Void.self)
    let (gate, open) = AsyncStream.makeStream(of: Void.self)
    let work: @Sendable () async -> Response = {
      enter.yield()
      for await _ in gate { break }
      return .json("done")
    }
    var router = Self.router
    router.add(.get, "/slow") { _ in await work() }
    router.add(.get, "/slow/while-client-stays") { request in try await request.body.whileClientStays(work) }
    let server = try HTTPServer(
      configuration: ServerConfiguration(host: "127.0.0.1", port: 0),
      handler: ServerHandler(router: router, logger: .silent))
    let answer = try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await server.run() }
      let (client, other) = (try RawClient(port: server.port), try RawClient(port: server.port))
      try await other.send(Self.get("/echo", "Content-Length: 1\r\n", method: "POST"))
      try await client.send(Self.get(target))
      for await _ in entered { break }
      if pipelined == .ahead { try await client.send(Self.get("/hello")) }
      await server.stop()
      if pipelined == .behind { try await client.send(Self.get("/hello")) }
      // Once the loop has answered another client, it has also seen what was sent before.
      try await other.send("x")
      #expect(String(decoding: try await other.readToEnd(), as: UTF8.self).hasSuffix("\"x\""))
      open.finish()
      return String(decoding: try await client.readToEnd(), as: UTF8.self)
    }
    #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
    #expect(answer.contains("connection: close"))
    #expect(answer.hasSuffix("\r\n\r\n\"done\""))
  }

  enum Order { case ahead, behind }
}
