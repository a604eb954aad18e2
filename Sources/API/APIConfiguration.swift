package import ModelProviders

/// What the API must know of its surroundings.
package struct APIConfiguration: Sendable {
  /// Origins that browsers may come from beside our own; `*` for all.
  package var corsOrigins: [String] = []
  /// Names by which this server may be called in `Host`, beside the names of the loopback.
  package var hosts: [String] = []
  /// `ENVIRONMENT`.
  package var environment = "development"
  /// `FLY_REGION`.
  package var region = "local"
  /// `FLY_APP_NAME`.
  package var appName = "vibegrapher"
  /// Between comments on an idle event stream.
  package var ssePingInterval: Duration = .seconds(30)
  /// After which a client of an event stream comes back, milliseconds.
  package var sseRetryMilliseconds = 3000
  /// Bytes of a JSON body.
  package var bodyLimit = 4 << 20
  /// Whether `/ws/echo` and its like are served.
  package var servesEcho = false
  /// Between pings of Engine.IO.
  package var socketIOPing: Duration = .seconds(25)
  /// Without an answer to a ping of Engine.IO.
  package var socketIOTimeout: Duration = .seconds(60)
  /// Between `heartbeat` events of Socket.IO.
  package var socketIOHeartbeat: Duration = .seconds(30)
  /// Requests a minute from one address; 0 for any number.
  package var requestsPerMinute = 0
  /// Requests a minute with one key; 0 for any number.
  package var keyRequestsPerMinute = 0
  /// The name of the field that holds a key.
  package var keyHeader = "X-API-Key"

  /// The models and their prices.
  package var models = ModelCatalogue()
  /// The folder of repositories.
  package var storagePath = "media"
  /// The database's file.
  package var databasePath = ""
  /// The event loops that will serve.
  package var loops = 1

  /// The version of the program.
  package static let version = "1.0.0"

  /// The defaults.
  package init() {}
}
