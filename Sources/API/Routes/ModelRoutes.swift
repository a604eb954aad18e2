import HTTPTypes
import JSON
import ModelProviders
import Server

/// The models and what they cost.
enum ModelRoutes {
  static func all(_ configuration: APIConfiguration) -> [Route] {
    [
      Route(
        method: .get, path: "/models", id: "listModels", area: "models", summary: "List the models with their prices",
        about: "Prices are in US dollars for a million tokens; input that comes from a cache is cheaper.",
        answers: [.json(.ok, .array(.reference("Model")), "The models by name.")]
      ) { _ in .json(.array(configuration.models.models.map(view))) }
    ]
  }

  private static func view(_ model: ModelCatalogue.Model) -> JSONValue {
    var prices = JSONValue.null
    if let entry = model.entry {
      let long = entry.long.map { long -> JSONValue in
        .object(JSONObject([("input_tokens", .integer(long.limit))] + view(long.price)))
      }
      prices = .object(JSONObject([("currency", "USD")] + view(entry.price) + [("above", long ?? .null)]))
    }
    return [
      "id": .string(model.id), "provider": .string(model.provider), "available": .bool(model.isAvailable),
      "used_for": .array(model.uses.map { .string($0) }),
      "context_window": .integer(ContextWindows.current.tokens(of: model.id)), "prices": prices,
    ]
  }

  private static func view(_ price: Prices.Price) -> [(String, JSONValue)] {
    [
      ("input", .number(price.input)), ("cached_input", .number(price.cachedInput)),
      ("cache_write", .number(price.cacheWrite)), ("cache_write_1h", .number(price.cacheWriteForAnHour)),
      ("output", .number(price.output)),
    ]
  }
}
