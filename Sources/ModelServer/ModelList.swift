import HTTPTypes
import JSON
import ModelProviders
import Server

/// The lists of models, in the three forms: there is one model.
enum ModelList {
  private static let created = "2026-01-01T00:00:00Z"

  static func add(to router: inout Router, _ version: String) {
    router.add(.get, version + "/models") { request in
      let id = JSONValue.string(EmbeddedAnswer.model)
      return switch ModelServer.provider(of: request) {
      case .openAI: .json(["object": "list", "data": [openAI]])
      case .anthropic: .json(["data": [anthropic], "has_more": false, "first_id": id, "last_id": id])
      case .gemini: .json(["models": [gemini]])
      }
    }
    router.add(.get, version + "/models/{target}") { request in
      let name = request.parameters["target"] ?? ""
      guard name == EmbeddedAnswer.model else {
        return ModelServer.refuse(WireFault("there is no model '\(name)'", status: .notFound), request)
      }
      return switch ModelServer.provider(of: request) {
      case .openAI: .json(openAI)
      case .anthropic: .json(anthropic)
      case .gemini: .json(gemini)
      }
    }
  }

  private static var openAI: JSONValue {
    ["id": .string(EmbeddedAnswer.model), "object": "model", "created": 0, "owned_by": "vibegrapher"]
  }

  private static var anthropic: JSONValue {
    [
      "type": "model", "id": .string(EmbeddedAnswer.model), "display_name": "Embedded rules",
      "created_at": .string(created),
    ]
  }

  private static var gemini: JSONValue {
    [
      "name": .string("models/" + EmbeddedAnswer.model), "displayName": "Embedded rules", "version": "1",
      "inputTokenLimit": 1_000_000, "outputTokenLimit": 65_536,
      "supportedGenerationMethods": ["generateContent", "countTokens"],
    ]
  }
}
