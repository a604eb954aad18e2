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
  private let beginnings: (healthy: [UInt8], unhealthy: [UInt8])
  private let ends: (healthy: [UInt8], unhealthy: [UInt8])

  init(_ configuration: APIConfiguration) {
    func end(_ database: String) -> [UInt8] {
      var writer = JSONWriter(capacity: 256)
      writer.raw("\",\"version\":")
      writer.write(APIConfiguration.version)
      writer.raw(",\"environment\":")
      writer.write(configuration.environment)
      writer.raw(",\"region\":")
      writer.write(configuration.region)
      writer.raw(",\"app_name\":")
      writer.write(configuration.appName)
      writer.raw(",\"database\":")
      writer.write(database)
      writer.raw(",\"database_type\":\"sqlite\"}")
      return writer.bytes
    }
    func beginning(_ status: String) -> [UInt8] { Array("{\"status\":\"\(status)\",\"timestamp\":\"".utf8) }
    beginnings = (beginning("healthy"), beginning("unhealthy"))
    ends = (end("connected"), end("disconnected"))
  }

  func body(isConnected: Bool) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(256)
    bytes.append(contentsOf: isConnected ? beginnings.healthy : beginnings.unhealthy)
    bytes.append(contentsOf: Timestamp.now.text.utf8)
    bytes.append(contentsOf: isConnected ? ends.healthy : ends.unhealthy)
    return bytes
  }
}
