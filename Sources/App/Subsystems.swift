import API
import Agents
import EventLog
import Foundation
import HTTP
import JSON
import Logging
import ModelProviders
import ModelServer
import Platform
import PythonSource
import Sandbox
import Server
import Services
import Store

/// Every part of the daemon by name, and the order in which they start and stop.
struct Subsystems: Sendable {
  /// The settings.
  let settings: Settings
  /// The log of the daemon as a whole.
  let logger: Logger
  /// Rows and events.
  let journal: Journal
  /// Projects.
  let projects: ProjectService
  /// Makes projects.
  let creation: ProjectCreation
  /// Sessions.
  let sessions: SessionService
  /// Messages and their work.
  let messages: MessageService
  /// Diffs.
  let diffs: DiffService
  /// Test cases.
  let tests: TestCaseService
  /// Runs tests.
  let testRunner: TestRunner
  /// Terminals.
  let terminals: TerminalService
  /// Asks Python about source.
  let python: PythonHelper
  /// What holds the programs of users.
  let sandbox: Sandbox
  /// Requests that are to be done once.
  let idempotency: IdempotencyService
  /// Calls of models and the budgets that hold them.
  let ledger: ModelLedger
  /// Passes requests on to the providers.
  let gateway: Gateway
  /// Tokens of the gateway.
  let gatewayTokens: GatewayTokenService
  /// Whether the database answers.
  let health: HealthMonitor
  /// The keys by which callers are known.
  let keys: AccessKeys
  /// What the daemon can say about itself.
  let metrics = Metrics()
  /// What is counted of the calls of models.
  let providerMeter = ProviderMeter()
  /// The sample project.
  let seed: Seed
  /// The model providers.
  let providers: ProviderDirectory
  private let repair: Repair
  private let network: NetworkTransport
  private let embeddedModel: HTTPServer

  /// Makes the parts; the database is opened and migrated, nothing runs yet.
  private init(settings: Settings, databaseURL: String? = nil) throws {
    self.settings = settings
    logger = Self.logger("vibegrapher", settings)
    let store = try SQLiteStore.open(url: databaseURL ?? settings.databaseURL)
    journal = try Journal(store: store, logger: Self.logger("events", settings), redactor: Self.redactor(settings))
    try FileManager.default.createDirectory(atPath: settings.mediaPath, withIntermediateDirectories: true)
    let repositories = try RepositoryPool(threads: 2, folder: settings.mediaPath)
    projects = try ProjectService(
      journal: journal, repositories: repositories, mediaPath: settings.mediaPath,
      logger: Self.logger("projects", settings))
    (sessions, tests) = (SessionService(projects: projects), TestCaseService(projects: projects))
    sandbox = try Self.sandbox(settings)
    let installation = PythonInstallation(
      interpreter: try Self.interpreter(settings), environment: ProcessInfo.processInfo.environment)
    python = try PythonHelper(installation: installation, features: sandbox.features)
    diffs = DiffService(projects: projects, python: python, logger: Self.logger("diffs", settings))
    testRunner = TestRunner(
      projects: projects, tests: tests, diffs: diffs, sandbox: sandbox, python: installation,
      bounds: settings.testBounds, logger: Self.logger("tests", settings))
    terminals = try TerminalService(
      projects: projects, sandbox: sandbox, python: installation, bounds: settings.terminalBounds,
      logger: Self.logger("terminals", settings))
    (idempotency, health) = (IdempotencyService(journal: journal), HealthMonitor(journal: journal))
    (gatewayTokens, seed) = (GatewayTokenService(journal: journal), Seed(projects: projects))
    keys = try AccessKeys(journal: journal, isRequired: settings.server.requiresKey || !settings.isLoopback)
    repair = Repair(projects: projects, diffs: diffs, logger: Self.logger("repair", settings))
    let embeddedModel = try Self.embeddedModel(settings)
    self.embeddedModel = embeddedModel
    ledger = ModelLedger(journal: journal, allowsUnpriced: settings.models.allowsUnpriced)
    // Last: a client that is made must be closed.
    network = NetworkTransport(headTimeout: settings.models.readTimeout)
    let transport = MeteredTransport(try Self.transport(settings, network), ledger: ledger)
    providers = Self.providers(settings, transport, embeddedPort: embeddedModel.port)
    creation = Self.creation(settings, projects, sandbox, network)
    gateway = Gateway(
      tokens: gatewayTokens, keys: keys, transport: transport,
      upstreams: Self.upstreams(settings, embeddedPort: embeddedModel.port))
    messages = MessageService(
      projects: projects, diffs: diffs, provider: MeteredProvider(providers, meter: providerMeter),
      models: settings.models.agents, python: python, logger: Self.logger("messages", settings))
  }

  private static func creation(
    _ settings: Settings, _ projects: ProjectService, _ sandbox: Sandbox, _ network: NetworkTransport
  ) -> ProjectCreation {
    ProjectCreation(
      projects: projects, transfer: GitTransfer(sandbox: sandbox, bounds: settings.transferBounds),
      gitHub: GitHubClient(apiURL: settings.gitHubURL, token: settings.gitHubToken, transport: network),
      logger: logger("projects", settings))
  }

  private static func logger(_ label: String, _ settings: Settings) -> Logger {
    let isTerminal = LineLogHandler.isTerminal
    let redactor = redactor(settings)
    return Logger(label: label) {
      LineLogHandler(label: $0, level: settings.logLevel, isTerminal: isTerminal, redactor: redactor)
    }
  }

  static func redactor(_ settings: Settings) -> Redactor { Redactor(keys: settings.secrets) }

  private static func embeddedModel(_ settings: Settings) throws -> HTTPServer {
    let model = ModelServer(delay: settings.models.embeddedDelay)
    let handler = ServerHandler(router: model.router, logger: logger("model-server", settings))
    return try HTTPServer(configuration: ServerConfiguration(host: "127.0.0.1", port: 0), handler: handler)
  }

  /// What the machine has to hold programs, less what the settings leave out; said once, so that nobody is surprised.
  private static func sandbox(_ settings: Settings) throws -> Sandbox {
    let features = SandboxFeatures.probe().subtracting(settings.sandboxWithout)
    let sandbox = try Sandbox(features: features, requirement: settings.sandboxRequirement)
    let metadata: Logger.Metadata = ["missing": "\(sandbox.missing.names.joined(separator: ", "))"]
    let logger = logger("sandbox", settings)
    if !sandbox.isSufficient {
      logger.warning(
        "tests are not run: SANDBOX_REQUIRE=\(settings.sandboxRequirement.rawValue) wants more", metadata: metadata)
    } else if !features.isSuperset(of: SandboxRequirement.full.features) {
      logger.warning("tests run with less than a full sandbox", metadata: metadata)
    }
    return sandbox
  }

  private static func interpreter(_ settings: Settings) throws -> String {
    guard !settings.python.hasPrefix("/") else { return settings.python }
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    guard let found = PythonHelper.findInterpreter(settings.python, path: path) else {
      throw Settings.Fault(description: "PYTHON must be a Python interpreter, found no '\(settings.python)' in PATH")
    }
    return found
  }

  /// Makes the parts for `body` and lets go of what they hold afterwards.
  static func with<T: Sendable>(
    _ settings: Settings, databaseURL: String? = nil, _ body: @Sendable (Subsystems) async throws -> T
  ) async throws -> T {
    let subsystems = try Subsystems(settings: settings, databaseURL: databaseURL)
    do {
      let result = try await body(subsystems)
      await subsystems.network.close()
      return result
    } catch {
      await subsystems.network.close()
      throw error
    }
  }

  /// Runs `body` with the database ready to be written and everything repaired, and nothing else running.
  func withJournal<T: Sendable>(_ body: @Sendable () async throws -> T) async throws -> T {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await journal.run() }
      defer { journal.stop() }
      try await repair.run()
      return try await body()
    }
  }

  /// Serves until it is asked to stop, then stops in order: nothing that was accepted is left unanswered.
  func serve(until stopRequests: StopRequests) async throws {
    guard settings.isLoopback || keys.hasKeys else {
      throw Settings.Fault(
        description: "HOST=\(settings.host) can be reached by others, and there is no access key: make one with "
          + "'vibegrapher keys create --owner NAME', or set HOST=127.0.0.1")
    }
    try await withJournal {
      try await ledger.restore()
      try await messages.restore()
      try await terminals.restore()
      try await idempotency.restore()
      let api = try makeAPI()
      try await serve(api, until: stopRequests)
    }
    logger.notice("stopped")
  }

  private func serve(_ api: WebAPI, until stopRequests: StopRequests) async throws {
    let accessLog = settings.server.logsAccess ? try AccessLog(isTerminal: LineLogHandler.isTerminal) : nil
    let observer = accessLog.map { log in { @Sendable (exchange: Exchange) in log.note(exchange) } }
    let handler = api.handler(logger: Self.logger("http", settings), observer: observer)
    let server = try HTTPServer(configuration: settings.server.configuration, handler: handler)
    addMetrics(of: server)
    announce(server.port)
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await health.run() }
      group.addTask { await keys.run { try await projects.reloadOwners() } }
      if let accessLog { group.addTask { await accessLog.run() } }
      group.addTask { await api.socketIO.run() }
      group.addTask { await embeddedModel.run() }
      group.addTask { await messages.run() }
      group.addTask { await creation.run() }
      group.addTask { await terminals.run() }
      group.addTask { await diffs.run() }
      group.addTask { await sandbox.keepAhead() }
      async let served: Void = server.run()
      await stopRequests.wait()
      logger.notice("stopping")
      messages.stop()
      creation.stop()
      sandbox.stop()
      await terminals.stop()
      await api.socketIO.stop()
      await server.stop()
      // The requests at hand are answered before anything that they may need is stopped.
      await served
      await embeddedModel.stop(grace: .seconds(1))
      group.cancelAll()
    }
  }

  /// The API of these parts.
  func makeAPI() throws -> WebAPI {
    try WebAPI(
      parts: .init(
        projects: projects, creation: creation, cloneHosts: settings.cloneHosts, sessions: sessions, messages: messages,
        diffs: diffs, tests: tests, testRunner: testRunner, terminals: terminals, python: python,
        idempotency: idempotency, health: health, keys: keys,
        isProviderWell: { [providerMeter] in providerMeter.isWell }, metrics: metrics, gateway: gateway,
        gatewayTokens: gatewayTokens, budgets: BudgetService(journal: journal), usage: UsageService(journal: journal)),
      configuration: apiConfiguration)
  }

  private var apiConfiguration: APIConfiguration {
    var configuration = APIConfiguration()
    configuration.corsOrigins = settings.corsOrigins
    configuration.models = ModelCatalogue(
      available: Set(settings.models.providers.keys),
      uses: [("thinking", settings.models.agents.thinking), ("small", settings.models.agents.small)])
    configuration.hosts = settings.allowedHosts
    configuration.storagePath = settings.mediaPath
    // Was checked when the settings were read.
    configuration.databasePath = (try? SQLiteStore.path(ofURL: settings.databaseURL)) ?? ""
    configuration.loops = settings.server.configuration.loops
    configuration.environment = settings.environment
    configuration.region = settings.flyRegion
    configuration.appName = settings.flyAppName
    configuration.ssePingInterval = settings.ssePingInterval
    configuration.sseRetryMilliseconds = settings.sseRetryMilliseconds
    configuration.bodyLimit = settings.server.bodyLimit
    configuration.servesEcho = settings.server.servesEcho
    configuration.socketIOPing = settings.server.socketIOPing
    configuration.socketIOTimeout = settings.server.socketIOTimeout
    configuration.socketIOHeartbeat = settings.server.socketIOHeartbeat
    configuration.requestsPerMinute = settings.server.requestsPerMinute
    configuration.keyRequestsPerMinute = settings.server.keyRequestsPerMinute
    configuration.keyHeader = settings.server.keyHeader
    return configuration
  }

  /// The first line on standard output says where the daemon listens: scripts wait for it.
  private func announce(_ port: Int) {
    let host = settings.host.contains(":") ? "[\(settings.host)]" : settings.host
    StandardOutput.print("listening on http://\(host):\(port)")
    if settings.models.usesEmbedded {
      logger.notice(
        "no key of a model provider is set: the embedded provider answers, which is rules and not a language model")
    }
    if let missing = settings.models.missingProvider { logger.warning("\(missing)") }
  }
}
