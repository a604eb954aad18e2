import Foundation
package import Logging
package import Platform
package import Sandbox
package import Services

/// The daemon's settings, all checked: from the environment, else from `.env` in the working directory, else defaults.
package struct Settings: Sendable {
  /// A setting that cannot be used.
  package struct Fault: Error, CustomStringConvertible {
    /// One line that names the setting.
    package let description: String
  }

  /// The database, `sqlite:///PATH`.
  package let databaseURL: String
  /// The database of `reset-db --test-db`.
  package let testDatabaseURL: String
  /// Origins that browsers may come from.
  package let corsOrigins: [String]
  /// Names by which the server may be called.
  package let allowedHosts: [String]
  /// The address to listen on.
  package let host: String
  /// The port; 0 takes a free one.
  package let port: Int
  /// Whether only this machine reaches the address.
  package var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }
  /// The server and its protocols.
  package let server: ServerSettings
  /// The folder of repositories.
  package let mediaPath: String
  /// `ENVIRONMENT`, shown by `/health`.
  package let environment: String
  /// `FLY_REGION`, shown by `/health`.
  package let flyRegion: String
  /// `FLY_APP_NAME`, shown by `/health`.
  package let flyAppName: String
  /// What is logged.
  package let logLevel: Logger.Level
  /// The models, their providers, and how these are asked.
  package let models: ModelSettings
  /// The keys of the providers, which must turn up nowhere.
  package let secrets: [Secret]
  /// The Python interpreter.
  package let python: String
  /// What test runs may use.
  package let testBounds: TestBounds
  /// The least with which the sandbox may run.
  package let sandboxRequirement: SandboxRequirement
  /// What the sandbox is to do without, although the machine has it.
  package let sandboxWithout: SandboxFeatures
  /// What clones and pushes may use.
  package let transferBounds: TransferBounds
  /// Hosts that repositories may be cloned from.
  package let cloneHosts: [String]
  /// The token for GitHub.
  package let gitHubToken: Secret?
  /// The address of GitHub's API.
  package let gitHubURL: String
  /// What terminals may use.
  package let terminalBounds: TerminalBounds
  /// Between comments on an idle event stream.
  package let ssePingInterval: Duration
  /// After which a client of an event stream comes back.
  package let sseRetryMilliseconds: Int

  /// Reads and checks the settings.
  ///
  /// Names are matched without regard to case.
  ///
  /// - Throws: `Fault` that names the first setting that cannot be used.
  package init(environment: [String: String], dotEnv: String?) throws(Fault) {
    let source = SettingSource(environment: environment, dotEnv: dotEnv)
    databaseURL = try source.databaseURL(.databaseURL)
    testDatabaseURL = try source.databaseURL(.testDatabaseURL)
    corsOrigins = source.list(.corsOrigins)
    allowedHosts = source.list(.allowedHosts)
    host = try source.required(.host)
    port = try source.integer(.port, 0...65_535)
    let loops = try source.integer(.eventLoops, 0...64)
    server = try ServerSettings(
      source, host: host, port: port, loops: loops == 0 ? ProcessInfo.processInfo.activeProcessorCount : loops)
    mediaPath = try source.required(.mediaPath)
    self.environment = try source.required(.environment)
    flyRegion = source.text(.flyRegion)
    flyAppName = source.text(.flyAppName)
    logLevel = try source.logLevel()
    models = try ModelSettings(source)
    secrets = [Setting.openAIKey, .anthropicKey, .geminiKey, .gitHubToken].compactMap(source.optional).map(Secret.init)
    python = try source.required(.python)
    testBounds = TestBounds(
      timeout: try source.seconds(.testTimeout, 0.1...3600),
      quickTimeout: try source.seconds(.quickTestTimeout, 0.1...3600))
    sandboxRequirement = try source.requirement(.sandboxRequire)
    sandboxWithout = try source.features(.sandboxWithout)
    transferBounds = TransferBounds(
      timeout: .seconds(try source.integer(.cloneTimeout, 1...86_400)),
      bytes: try source.integer(.maxRepoSize, 1...1_000_000) << 20)
    cloneHosts = try source.hosts(.cloneHosts)
    gitHubToken = try source.secret(.gitHubToken)
    gitHubURL = try source.address(.gitHubURL)
    terminalBounds = try source.terminalBounds()
    ssePingInterval = .seconds(try source.integer(.ssePingInterval, 1...3600))
    sseRetryMilliseconds = try source.integer(.sseRetryTimeout, 100...3_600_000)
    try source.checkTheRest()
  }

  /// The settings of this process, run in this directory.
  package static func ofProcess() throws(Fault) -> Settings {
    // No file is the usual case; one that cannot be read is taken for none.
    let dotEnv = try? String(contentsOfFile: ".env", encoding: .utf8)
    return try Settings(environment: ProcessInfo.processInfo.environment, dotEnv: dotEnv)
  }
}
