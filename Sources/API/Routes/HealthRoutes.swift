import HTTPTypes
import JSON
import Platform
import Sandbox
import Server
import Services

/// Whether the daemon is well.
enum HealthRoutes {
  static func all(_ parts: WebAPI.Parts, _ configuration: APIConfiguration) -> [Route] {
    [
      Route(
        method: .get, path: "/health", id: "getHealth", area: "health", summary: "Tell whether the daemon is well",
        answers: [.json(.ok, .reference("Health"), "How it is; `unhealthy` when the database does not answer.")]
      ) { _ in .json(body(parts.health.isConnected, configuration)) },
      Route(
        method: .get, path: "/health/detailed", id: "getDetailedHealth", area: "health",
        summary: "Tell how each part of the daemon is",
        answers: [.json(.ok, .any, "What /health says, and each part with what it lacks.")]
      ) { _ in .json(try await detailed(parts, configuration)) },
    ]
  }

  private static func detailed(_ parts: WebAPI.Parts, _ configuration: APIConfiguration) async throws -> JSONValue {
    let body = try JSONParser.parse(body(parts.health.isConnected, configuration))
    guard case .object(var object) = body else { return body }
    let sandbox = parts.testRunner.sandbox
    object["sandbox"] = [
      "features": .array(sandbox.features.names.map { .string($0) }),
      "missing": .array(sandbox.missing.names.map { .string($0) }), "landlock": .integer(Sandbox.landlockVersion),
      "sufficient": .bool(sandbox.isSufficient),
    ]
    return .object(object)
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
