import Foundation
import HTTP
import HTTPTypes
import JSON
import Platform
import Server
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct `Answers without waiting` {
  /// Half of the routes wait; each says its own name.
  private static var router: Router {
    var router = Router()
    router.add(.get, "/now", immediately: { _ in .json("now") })
    router.add(.get, "/now/{id}", immediately: { request in .json(.string(request.parameters["id"] ?? "")) })
    router.add(.get, "/never", immediately: { _ in throw SystemError(code: 5, operation: "reveal /etc/secret") })
    router.add(.get, "/refused", immediately: { _ in throw Problem(.conflict, code: "taken", "it is taken") })
    let large = [UInt8](repeating: UInt8(ascii: "x"), count: 70_000)
    router.add(.get, "/large", immediately: { _ in Response(.ok, body: .bytes(large)) })
    router.add(.get, "/later") { _ in
      await Task.yield()
      return .json("later")
    }
    router.add(.post, "/echo") { request in
      .json(.string(String(decoding: try await request.body.collect(upTo: 1000), as: UTF8.self)))
    }
    return router
  }

  private static func get(_ target: String, _ fields: String = "", method: String = "GET") -> String {
    "\(method) \(target) HTTP/1.1\r\nHost: localhost\r\n\(fields)\r\n"
  }

  private static let last = get("/later", "Connection: close\r\n")

  private static func ask(_ requests: [String]) async throws -> String {
    try await withServer(router) { port in
      let client = try RawClient(port: port)
      for request in requests { try await client.send(request) }
      return String(decoding: try await client.readToEnd(), as: UTF8.self)
    }
  }

  /// The bodies of answers that are JSON strings, in order.
  private static func bodies(_ answers: String) -> [Substring] {
    answers.split(separator: "\r\n\r\n").dropFirst().map { $0.prefix { $0 != "H" } }
  }

  @Test func `stand in order among those that waited`() async throws {
    var (requests, wanted): ([String], [String]) = ([], [])
    for number in 0..<300 {
      let kind = number * number % 7
      switch kind {
      case 0: (requests, wanted) = (requests + [Self.get("/later")], wanted + ["\"later\""])
      case 1:
        let request = Self.get("/echo", "Content-Length: 3\r\n", method: "POST") + "a-\(number % 10)"
        (requests, wanted) = (requests + [request], wanted + ["\"a-\(number % 10)\""])
      default: (requests, wanted) = (requests + [Self.get("/now/\(number)")], wanted + ["\"\(number)\""])
      }
    }
    let (all, inOrder) = (requests + [Self.last], wanted + ["\"later\""])
    #expect(Self.bodies(try await Self.ask([all.joined()])).map(String.init) == inOrder)
    #expect(Self.bodies(try await Self.ask(all)).map(String.init) == inOrder)
  }

  @Test(arguments: [("/never", "500", "internal_error"), ("/refused", "409", "taken"), ("/nothing", "404", "no_such")])
  func `are problems when they fail, and the connection goes on`(
    target: String, status: String, code: String
  ) async throws {
    let answers = try await Self.ask([Self.get(target), Self.last])
    #expect(answers.hasPrefix("HTTP/1.1 \(status) "))
    #expect(answers.contains(code) && !answers.contains("secret"))
    #expect(answers.hasSuffix("\"later\""))
  }

  @Test func `have no body for HEAD, and close when the client says so`() async throws {
    let answers = try await Self.ask([
      Self.get("/now", method: "HEAD"), Self.get("/now", "Connection: close\r\n"), Self.get("/now"),
    ])
    #expect(answers.components(separatedBy: "HTTP/1.1 200 OK\r\n").count == 3)
    #expect(answers.components(separatedBy: "content-length: 5\r\n").count == 3)
    #expect(answers.components(separatedBy: "\"now\"").count == 2)
  }

  @Test func `are followed by what comes behind a body that nobody read`() async throws {
    let answers = try await Self.ask([
      Self.get("/now", "Content-Length: 4\r\n") + "skip", Self.get("/now", "Transfer-Encoding: chunked\r\n"),
      "2\r\nab\r\n0\r\n\r\n" + Self.last,
    ])
    #expect(Self.bodies(answers).map(String.init) == ["\"now\"", "\"now\"", "\"later\""])
  }

  @Test func `go to a client that has closed its sending half`() async throws {
    let answer = try await withServer(Self.router) { port in
      let client = try RawClient(port: port)
      try await client.send(Self.get("/now"))
      await client.finish()
      return String(decoding: try await client.readToEnd(), as: UTF8.self)
    }
    #expect(answer.hasSuffix("\r\n\r\n\"now\""))
  }

  @Test func `to a client that does not read wait for it`() async throws {
    let (count, size) = (200, 70_000)
    let received = try await withServer(Self.router) { port in
      let client = try RawClient(port: port)
      try await client.send(String(repeating: Self.get("/large"), count: count) + Self.last)
      return try await client.readToEnd()
    }
    #expect(received.count { $0 == UInt8(ascii: "x") } >= count * size)
    #expect(String(decoding: received.suffix(7), as: UTF8.self) == "\"later\"")
  }

  /// What follows an answer, the time that a head or an idle connection has, and what the client sees in the end.
  @Test(arguments: [("", 60, 0.05, "\"now\""), ("GET /now HT", 0.05, 60, "the request did not arrive in time")])
  func `begin the time of the next request anew`(
    rest: String, headTimeout: Double, idleTimeout: Double, wanted: String
  ) async throws {
    let text = try await withServer(
      Self.router,
      configure: { configuration in
        configuration.headTimeout = .seconds(headTimeout)
        configuration.idleTimeout = .seconds(idleTimeout)
      },
      { port in
        let client = try RawClient(port: port)
        try await client.send(Self.get("/now"))
        let answer = try await client.read(until: "\"now\"")
        try await client.send(rest)
        return answer + String(decoding: try await client.readToEnd(), as: UTF8.self)
      })
    #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n"))
    #expect(text.contains(wanted))
    #expect(text.contains("HTTP/1.1 408 ") == !rest.isEmpty)
  }

  @Test func `are told to the observer and counted`() async throws {
    let exchanges = Mutex<[Exchange]>([])
    let meter = RequestMeter(Self.router, loops: 1)
    let server = try HTTPServer(
      configuration: ServerConfiguration(host: "127.0.0.1", port: 0),
      handler: ServerHandler(
        router: Self.router, logger: .silent, observer: { exchange in exchanges.withLock { $0.append(exchange) } },
        meter: meter))
    let answers = try await withServer(server) { port in
      let client = try RawClient(port: port)
      try await client.send(Self.get("/now") + Self.get("/nothing") + Self.last)
      return try await client.readToEnd()
    }
    let told = exchanges.withLock { $0 }
    #expect(told.map(\.status) == [200, 404, 200])
    #expect(told.map(\.head.path) == ["/now", "/nothing", "/later"])
    #expect(told.map(\.bytes).reduce(0, +) == answers.count)
    #expect(told.allSatisfy { $0.duration > .zero && $0.duration < .seconds(10) && $0.address == "127.0.0.1" })
    let text = MetricText.encode(meter.families)
    #expect(text.contains("{method=\"GET\",route=\"/now\",status=\"200\"} 1\n"))
    #expect(text.contains("{method=\"any\",route=\"none\",status=\"404\"} 1\n"))
  }

  @Test func `are given only to those whom the guardian lets in, each seen once`() async throws {
    let admitted = Mutex<[String]>([])
    let lookedUp = Mutex<[String]>([])
    let guardian = Guardian { request in
      let query = request.head.query
      admitted.withLock { $0.append(request.head.path + (query.map { "?" + $0 } ?? "")) }
      if query == "refuse" { throw Problem(.forbidden, code: "no", "no") }
      return query == nil
    } lookUp: { request in
      lookedUp.withLock { $0.append(request.head.path) }
      if request.query("key") != "right" { throw Problem(.unauthorized, code: "who", "who are you?") }
    }
    let server = try HTTPServer(
      configuration: ServerConfiguration(host: "127.0.0.1", port: 0),
      handler: ServerHandler(router: Self.router, logger: .silent, guardian: guardian))
    let targets = ["/now", "/now?key=wrong", "/now?key=right", "/later?refuse", "/later", "/nothing?key=wrong"]
    let answers = try await withServer(server) { port in
      let client = try RawClient(port: port)
      try await client.send(targets.map { Self.get($0) }.joined() + Self.last)
      return String(decoding: try await client.readToEnd(), as: UTF8.self)
    }
    let statuses = answers.components(separatedBy: "HTTP/1.1 ").dropFirst().map { $0.prefix(3) }
    #expect(statuses == ["200", "401", "200", "403", "200", "401", "200"])
    #expect(admitted.withLock { $0 } == targets + ["/later"])
    #expect(lookedUp.withLock { $0 } == ["/now", "/now", "/nothing"])
  }
}
