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
  /// The model provider's key.
  package let openAIKey: Secret?
  /// The model provider's address.
  package let openAIBaseURL: String
  /// Whether neither a key nor an address of a model provider is set, so that the embedded one serves.
  package let usesEmbeddedModel: Bool
  /// Origins that browsers may come from.
  package let corsOrigins: [String]
  /// Names by which the server may be called.
  package let allowedHosts: [String]
  /// The address to listen on.
  package let host: String
  /// The port; 0 takes a free one.
  package let port: Int
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
  /// The model of the vibecoder.
  package let thinkingModel: String
  /// The model of the evaluator.
  package let smallModel: String
  /// The folder to record exchanges with models in.
  package let modelRecord: String?
  /// The folder to replay them from.
  package let modelReplay: String?
  /// The pause of the embedded provider between events.
  package let embeddedModelDelay: Duration
  /// The Python interpreter.
  package let python: String
  /// What test runs may use.
  package let testBounds: TestBounds
  /// The least with which the sandbox may run.
  package let sandboxRequirement: SandboxRequirement
  /// What the sandbox is to do without, although the machine has it.
  package let sandboxWithout: SandboxFeatures
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
    let key = source.text(.openAIKey)
    openAIKey = key.isEmpty || key == "sk-placeholder" ? nil : Secret(key)
    openAIBaseURL = try source.address(.openAIBaseURL)
    usesEmbeddedModel = openAIKey == nil && !source.isSet(.openAIBaseURL)
    corsOrigins = source.list(.corsOrigins)
    allowedHosts = source.list(.allowedHosts)
    host = try source.loopbackHost()
    port = try source.integer(.port, 0...65_535)
    let loops = try source.integer(.eventLoops, 0...64)
    server = try ServerSettings(
      source, host: host, port: port, loops: loops == 0 ? ProcessInfo.processInfo.activeProcessorCount : loops)
    mediaPath = try source.required(.mediaPath)
    self.environment = try source.required(.environment)
    flyRegion = source.text(.flyRegion)
    flyAppName = source.text(.flyAppName)
    logLevel = try source.logLevel()
    thinkingModel = try source.required(.thinkingModel)
    smallModel = try source.required(.smallModel)
    modelRecord = source.optional(.modelRecord)
    modelReplay = source.optional(.modelReplay)
    guard modelRecord == nil || modelReplay == nil else {
      throw Fault(description: "MODEL_RECORD and MODEL_REPLAY exclude each other: set one of them")
    }
    embeddedModelDelay = .milliseconds(try source.integer(.embeddedModelDelay, 0...60_000))
    python = try source.required(.python)
    testBounds = TestBounds(
      timeout: try source.seconds(.testTimeout, 0.1...3600),
      quickTimeout: try source.seconds(.quickTestTimeout, 0.1...3600))
    sandboxRequirement = try source.requirement(.sandboxRequire)
    sandboxWithout = try source.features(.sandboxWithout)
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
