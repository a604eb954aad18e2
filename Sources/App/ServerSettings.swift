import HTTP
package import Server

/// The settings of the server and its protocols: the limits and time-outs of the README's table.
package struct ServerSettings: Sendable {
  /// Where to listen and what to bound.
  package let configuration: ServerConfiguration
  /// Bytes of a JSON body.
  package let bodyLimit: Int
  /// Whether `/ws/echo` and its like are served.
  package let servesEcho: Bool
  /// Between pings of Engine.IO.
  package let socketIOPing: Duration
  /// Without an answer to a ping of Engine.IO.
  package let socketIOTimeout: Duration
  /// Between `heartbeat` events of Socket.IO.
  package let socketIOHeartbeat: Duration
  /// Requests a minute from one address; 0 for any number.
  package let requestsPerMinute: Int
  /// Requests a minute with one key; 0 for any number.
  package let keyRequestsPerMinute: Int
  /// The name of the field that holds a key.
  package let keyHeader: String
  /// Whether requests need a key also before there is one.
  package let requiresKey: Bool
  /// Whether each request is logged.
  package let logsAccess: Bool

  init(_ source: SettingSource, host: String, port: Int, loops: Int) throws(Settings.Fault) {
    var configuration = ServerConfiguration(host: host, port: port, loops: loops)
    configuration.headTimeout = try source.seconds(.headerTimeout, 0.1...3600)
    configuration.bodyTimeout = try source.seconds(.bodyTimeout, 0.1...3600)
    configuration.idleTimeout = try source.seconds(.idleTimeout, 0.1...86_400)
    configuration.writeTimeout = try source.seconds(.writeTimeout, 0.1...3600)
    configuration.limits.requestLine = try source.integer(.requestLineLimit, 64...1 << 20)
    configuration.limits.headerBlock = try source.integer(.headerLimit, 64...1 << 20)
    configuration.limits.headerFields = try source.integer(.headerFieldsLimit, 1...10_000)
    configuration.connectionsPerLoop = try source.integer(.connectionLimit, 1...1_000_000)
    configuration.webSocketMessage = try source.integer(.webSocketMessageLimit, 125...1 << 30)
    configuration.webSocketPing = try source.seconds(.webSocketPing, 0.1...3600)
    self.configuration = configuration
    bodyLimit = try source.integer(.bodyLimit, 1...1 << 30)
    servesEcho = try source.flag(.webSocketEcho)
    socketIOPing = try source.seconds(.socketIOPing, 0.1...3600)
    socketIOTimeout = try source.seconds(.socketIOTimeout, 0.1...3600)
    socketIOHeartbeat = try source.seconds(.socketIOHeartbeat, 0.1...3600)
    requestsPerMinute = try source.integer(.rateLimit, 0...10_000_000)
    keyRequestsPerMinute = try source.integer(.keyRateLimit, 0...10_000_000)
    keyHeader = try source.fieldName(.apiKeyHeader)
    requiresKey = try source.flag(.requireKey)
    logsAccess = try source.flag(.accessLog)
  }
}
