import Crypto
import EventLog
import HTTP
import HTTPTypes
import JSON
package import Logging
package import PythonSource
package import Server
package import Services

extension Response {
  /// An answer that is the same as long as the program is, with a tag by which a client need not read it again.
  fileprivate static func fixed(_ bytes: [UInt8], contentType: String) -> Response {
    let digest = SHA256.hash(data: bytes).prefix(16)
    let tag = digest.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    return .ranged(bytes, contentType: contentType, tag: tag)
  }
}

/// The whole API: its routes, and the handler that a server serves them with.
package struct WebAPI: Sendable {
  /// What answers the requests.
  package struct Parts: Sendable {
    let projects: ProjectService
    let sessions: SessionService
    let messages: MessageService
    let diffs: DiffService
    let tests: TestCaseService
    let testRunner: TestRunner
    let python: PythonHelper
    let idempotency: IdempotencyService
    let health: HealthMonitor

    /// The services behind the routes.
    package init(
      projects: ProjectService, sessions: SessionService, messages: MessageService, diffs: DiffService,
      tests: TestCaseService, testRunner: TestRunner, python: PythonHelper,
      idempotency: IdempotencyService, health: HealthMonitor
    ) {
      self.projects = projects
      self.sessions = sessions
      self.messages = messages
      self.diffs = diffs
      self.tests = tests
      self.testRunner = testRunner
      self.python = python
      self.idempotency = idempotency
      self.health = health
    }
  }

  /// Every operation.
  package let routes: [Route]
  private let configuration: APIConfiguration
  private let journal: Journal
  private let idempotency: IdempotencyService
  /// The Socket.IO sessions, which must be run beside the server.
  package let socketIO: SocketIOServer

  /// An API over services.
  package init(parts: Parts, configuration: APIConfiguration) {
    self.configuration = configuration
    journal = parts.projects.journal
    idempotency = parts.idempotency
    socketIO = SocketIOServer(projects: parts.projects, configuration: configuration)
    routes = Self.routes(parts, configuration)
  }

  private static func routes(_ parts: Parts, _ configuration: APIConfiguration) -> [Route] {
    HealthRoutes.all(parts, configuration) + ProjectRoutes.all(parts) + FileRoutes.all(parts)
      + RepositoryRoutes.all(parts) + NodeRoutes.all(parts)
      + SessionRoutes.all(parts) + MessageRoutes.all(parts) + DiffRoutes.all(parts) + TestRoutes.all(parts)
      + EventRoutes.all(parts, configuration)
  }

  /// The OpenAPI document of the routes, JSON.
  package var document: [UInt8] { OpenAPIDocument.json(routes).encodedBytes }

  /// The handler of a server: routes at the root and under `/api/v1`, documents, access checks, rate limits and CORS;
  /// `observer` is told of every request that was answered.
  package func handler(logger: Logger, observer: (@Sendable (Exchange) -> Void)? = nil) -> ServerHandler {
    var router = Router()
    for route in routes {
      let handler = route.serverHandler(bodyLimit: configuration.bodyLimit, idempotency: idempotency)
      if route.isAtRoot { router.add(route.method, route.path, handler) }
      router.add(route.method, "/api/v1" + route.path, handler)
    }
    let document = Response.fixed(document, contentType: "application/json")
    for path in ["/openapi.json", "/api/v1/openapi.json"] { router.add(.get, path) { _ in document } }
    let page = Response.fixed(DocumentationPage.bytes, contentType: "text/html; charset=utf-8")
    for path in ["/docs", "/redoc"] { router.add(.get, path) { _ in page } }
    SocketIORoutes.register(on: &router, socketIO)
    if configuration.servesEcho { EchoRoutes.register(on: &router, journal, configuration) }
    let access = AccessRules(configuration: configuration)
    let limiter = RateLimiter(perMinute: configuration.requestsPerMinute)
    let guardian: @Sendable (Request) throws -> Void = { request in
      try access.check(request)
      // Who watches over the daemon must always get an answer.
      if request.head.path != "/health" { try limiter.admit(request.address) }
    }
    return ServerHandler(
      router: router, logger: logger, guardian: guardian, decorator: access.decorate, observer: observer)
  }
}
