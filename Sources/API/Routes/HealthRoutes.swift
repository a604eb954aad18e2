import HTTP
import HTTPTypes
import JSON
import Platform
import Server
import Services

/// Whether the daemon is well.
enum HealthRoutes {
  static func all(_ parts: WebAPI.Parts, _ configuration: APIConfiguration, _ health: DetailedHealth) -> [Route] {
    [
      Route(
        method: .get, path: "/health", id: "getHealth", area: "health", summary: "Tell whether the daemon is well",
        answers: [.json(.ok, .reference("Health"), "How it is; `unhealthy` when the database does not answer.")]
      ) { _ in .json(body(parts.health.isConnected, configuration)) },
      Route(
        method: .get, path: "/health/detailed", id: "getDetailedHealth", area: "health",
        summary: "Tell how each part of the daemon is",
        about: "A check is null when what it asks about is not there and not needed; `degraded` when one is false.",
        answers: [.json(.ok, .any, "What /health says, and each part with what it lacks.")]
      ) { call in
        let basics = try JSONParser.parse(body(parts.health.isConnected, configuration)).object ?? JSONObject()
        return .json(try await health.report(basics: basics, for: call.caller))
      },
      Route(
        method: .get, path: "/metrics", id: "getMetrics", area: "health",
        summary: "Tell Prometheus what the daemon does",
        answers: [.text("text/plain", "Prometheus' text format, version 0.0.4.")]
      ) { _ in
        let text = MetricText.encode(await parts.metrics.families())
        let fields = HeaderFields([("content-type", MetricText.mediaType), ("cache-control", "no-store")])
        return Response(.ok, fields: fields, body: .bytes(Array(text.utf8)))
      },
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
