import Crypto
import EventLog
import HTTP
import HTTPTypes
import JSON
package import Logging
package import Platform
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
    let creation: ProjectCreation
    let cloneHosts: [String]
    let sessions: SessionService
    let messages: MessageService
    let diffs: DiffService
    let tests: TestCaseService
    let testRunner: TestRunner
    let terminals: TerminalService
    let python: PythonHelper
    let idempotency: IdempotencyService
    let health: HealthMonitor
    let keys: AccessKeys
    let isProviderWell: @Sendable () -> Bool
    let metrics: Metrics
    let gateway: Gateway
    let gatewayTokens: GatewayTokenService
    let budgets: BudgetService
    let usage: UsageService

    /// The services behind the routes.
    package init(
      projects: ProjectService, creation: ProjectCreation, cloneHosts: [String], sessions: SessionService,
      messages: MessageService, diffs: DiffService,
      tests: TestCaseService, testRunner: TestRunner, terminals: TerminalService, python: PythonHelper,
      idempotency: IdempotencyService, health: HealthMonitor, keys: AccessKeys,
      isProviderWell: @escaping @Sendable () -> Bool, metrics: Metrics, gateway: Gateway,
      gatewayTokens: GatewayTokenService, budgets: BudgetService, usage: UsageService
    ) {
      self.projects = projects
      self.creation = creation
      self.cloneHosts = cloneHosts
      self.sessions = sessions
      self.messages = messages
      self.diffs = diffs
      self.tests = tests
      self.testRunner = testRunner
      self.terminals = terminals
      self.python = python
      self.idempotency = idempotency
      self.health = health
      self.keys = keys
      self.isProviderWell = isProviderWell
      self.metrics = metrics
      self.gateway = gateway
      self.gatewayTokens = gatewayTokens
      self.budgets = budgets
      self.usage = usage
    }
  }

  /// Every operation.
  package let routes: [Route]
  private let configuration: APIConfiguration
  private let journal: Journal
  private let idempotency: IdempotencyService
  private let authenticator: Authenticator
  private let gate: RouteGate
  private let metrics: Metrics
  private let gateway: Gateway
  /// The Socket.IO sessions, which must be run beside the server.
  package let socketIO: SocketIOServer

  /// An API over services.
  ///
  /// - Throws: `SystemError` when the system has no threads left.
  package init(parts: Parts, configuration: APIConfiguration) throws {
    self.configuration = configuration
    metrics = parts.metrics
    journal = parts.projects.journal
    idempotency = parts.idempotency
    gateway = parts.gateway
    gate = RouteGate(journal: journal, keys: parts.keys)
    authenticator = Authenticator(
      keys: parts.keys, tickets: Tickets { [keys = parts.keys] in keys.validKey(id: $0) != nil },
      rules: AccessRules(configuration: configuration),
      header: configuration.keyHeader.lowercased())
    socketIO = SocketIOServer(
      projects: parts.projects, configuration: configuration, authenticator: authenticator, gate: gate)
    routes = try Self.routes(parts, configuration, authenticator, gate)
    let socketIO = socketIO
    metrics.add {
      [MetricFamily("vibegrapher_socketio_sessions", "Open Socket.IO sessions.", .gauge, Double(socketIO.count))]
    }
  }

  private static func routes(
    _ parts: Parts, _ configuration: APIConfiguration, _ authenticator: Authenticator, _ gate: RouteGate
  ) throws -> [Route] {
    HealthRoutes.all(parts, configuration, try DetailedHealth(parts, configuration)) + ProjectRoutes.all(parts)
      + FileRoutes.all(parts)
      + RepositoryRoutes.all(parts) + NodeRoutes.all(parts)
      + SessionRoutes.all(parts) + MessageRoutes.all(parts) + DiffRoutes.all(parts) + TestRoutes.all(parts)
      + TerminalRoutes.all(parts) + EventRoutes.all(parts, configuration, gate)
      + KeyRoutes.all(parts, authenticator.tickets) + ModelRoutes.all(configuration) + GatewayRoutes.all(parts)
  }

  /// The OpenAPI document of the routes, JSON.
  package var document: [UInt8] { OpenAPIDocument.json(routes, keyHeader: configuration.keyHeader).encodedBytes }

  /// The handler of a server: routes at the root and under `/api/v1`, documents, access checks, rate limits and CORS;
  /// `observer` is told of every request that was answered.
  package func handler(logger: Logger, observer: (@Sendable (Exchange) -> Void)? = nil) -> ServerHandler {
    var router = Router()
    for route in routes {
      route.register(on: &router, bodyLimit: configuration.bodyLimit, idempotency: idempotency, gate: gate)
    }
    let document = Response.fixed(document, contentType: "application/json")
    for path in ["/openapi.json", "/api/v1/openapi.json"] { router.add(.get, path, immediately: { _ in document }) }
    let page = Response.fixed(DocumentationPage.bytes, contentType: "text/html; charset=utf-8")
    for path in ["/docs", "/redoc"] { router.add(.get, path, immediately: { _ in page }) }
    SocketIORoutes.register(on: &router, socketIO)
    gateway.register(on: &router)
    if configuration.servesEcho { EchoRoutes.register(on: &router, journal, configuration) }
    let meter = RequestMeter(router, loops: configuration.loops)
    metrics.add { meter.families }
    let authenticator = authenticator
    let addresses = RateLimiter(perMinute: configuration.requestsPerMinute)
    let keys = RateLimiter(perMinute: configuration.keyRequestsPerMinute)
    let guardian = Guardian { request in
      // Who watches over the daemon must always get an answer.
      if request.head.path != "/health" { try addresses.admit(request.address) }
      guard let caller = try authenticator.callerWithoutKey(of: request) else { return false }
      request.caller = caller
      return true
    } lookUp: { request in
      request.caller = try await authenticator.callerWithKey(of: request)
      if let id = request.caller.keyID { try keys.admit(id, calledBy: "this key") }
    }
    return ServerHandler(
      router: router, logger: logger, guardian: guardian,
      decorator: { response, head in
        authenticator.rules.decorate(&response, head, isKeyed: authenticator.keys.isRequired)
      }, observer: observer, meter: meter)
  }
}
