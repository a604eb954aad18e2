import HTTPTypes
import JSON
import Platform
import Server

/// Whether the daemon is well.
enum HealthRoutes {
  static func all(_ parts: WebAPI.Parts, _ configuration: APIConfiguration) -> [Route] {
    [
      Route(
        method: .get, path: "/health", id: "getHealth", area: "health", summary: "Tell whether the daemon is well",
        answers: [.json(.ok, .reference("Health"), "How it is; `unhealthy` when the database does not answer.")]
      ) { _ in .json(body(parts.health.isConnected, configuration)) }
    ]
  }

  /// Written by hand: asked for by every load balancer, every few seconds.
  private static func body(_ isConnected: Bool, _ configuration: APIConfiguration) -> [UInt8] {
    var writer = JSONWriter(capacity: 256)
    writer.raw(isConnected ? "{\"status\":\"healthy\",\"timestamp\":\"" : "{\"status\":\"unhealthy\",\"timestamp\":\"")
    writer.raw(Timestamp.now.text)
    writer.raw("\",\"version\":\"")
    writer.raw(APIConfiguration.version)
    writer.raw("\",\"environment\":")
    writer.write(configuration.environment)
    writer.raw(",\"region\":")
    writer.write(configuration.region)
    writer.raw(",\"app_name\":")
    writer.write(configuration.appName)
    writer.raw(isConnected ? ",\"database\":\"connected\"" : ",\"database\":\"disconnected\"")
    writer.raw(",\"database_type\":\"sqlite\"}")
    return writer.bytes
  }
}
