import HTTP
import HTTPTypes
import JSON
import Platform
import Server
import Services

/// Whether the daemon is well.
enum HealthRoutes {
  static func all(_ parts: WebAPI.Parts, _ configuration: APIConfiguration, _ health: DetailedHealth) -> [Route] {
    let text = HealthText(configuration)
    return [
      Route(
        method: .get, path: "/health", id: "getHealth", area: "health", summary: "Tell whether the daemon is well",
        answers: [.json(.ok, .reference("Health"), "How it is; `unhealthy` when the database does not answer.")],
        immediately: { .json(text.body(isConnected: parts.health.isConnected)) }),
      Route(
        method: .get, path: "/health/detailed", id: "getDetailedHealth", area: "health",
        summary: "Tell how each part of the daemon is",
        about: "A check is null when what it asks about is not there and not needed; `degraded` when one is false.",
        answers: [.json(.ok, .any, "What /health says, and each part with what it lacks.")]
      ) { call in
        let basics = try JSONParser.parse(text.body(isConnected: parts.health.isConnected)).object ?? JSONObject()
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
}

/// What `/health` says: all but the time is made once, since every load balancer asks for it every few seconds.
private struct HealthText: Sendable {
  private let healthy: [UInt8]
  private let unhealthy: [UInt8]
  /// Where the time begins: it is the first member, so that this is the same in both.
  private static let timePlace = "{\"timestamp\":\"".utf8.count

  init(_ configuration: APIConfiguration) {
    func text(_ status: JSONValue, _ database: JSONValue) -> [UInt8] {
      let value: JSONValue = [
        "timestamp": .string(Timestamp(microseconds: 0).text), "status": status,
        "version": .string(APIConfiguration.version), "environment": .string(configuration.environment),
        "region": .string(configuration.region), "app_name": .string(configuration.appName), "database": database,
        "database_type": "sqlite",
      ]
      return value.encodedBytes
    }
    healthy = text("healthy", "connected")
    unhealthy = text("unhealthy", "disconnected")
  }

  func body(isConnected: Bool) -> [UInt8] {
    var bytes = isConnected ? healthy : unhealthy
    Timestamp.now.write(over: &bytes, at: Self.timePlace)
    return bytes
  }
}
