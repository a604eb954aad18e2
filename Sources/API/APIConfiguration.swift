/// What the API must know of its surroundings.
package struct APIConfiguration: Sendable {
  /// Origins that browsers may come from beside our own; `*` for all.
  package var corsOrigins: [String]
  /// Names by which this server may be called in `Host`, beside the names of the loopback.
  package var hosts: [String]
  /// `ENVIRONMENT`.
  package var environment: String
  /// `FLY_REGION`.
  package var region: String
  /// `FLY_APP_NAME`.
  package var appName: String
  /// Between comments on an idle event stream.
  package var ssePingInterval: Duration
  /// After which a client of an event stream comes back, milliseconds.
  package var sseRetryMilliseconds: Int

  /// The version of the program.
  package static let version = "1.0.0"

  /// A configuration.
  package init(
    corsOrigins: [String] = [], hosts: [String] = [], environment: String = "development", region: String = "local",
    appName: String = "vibegrapher", ssePingInterval: Duration = .seconds(30), sseRetryMilliseconds: Int = 3000
  ) {
    self.corsOrigins = corsOrigins
    self.hosts = hosts
    self.environment = environment
    self.region = region
    self.appName = appName
    self.ssePingInterval = ssePingInterval
    self.sseRetryMilliseconds = sseRetryMilliseconds
  }
}
