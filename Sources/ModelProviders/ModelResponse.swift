package import JSON

/// What a model did as it happened.
package enum ModelEvent: Sendable, Hashable {
  /// More words of an item.
  case textDelta(itemID: String, text: String)
  /// More words of the summary of its reasoning.
  case reasoningDelta(itemID: String, text: String)
  /// A call of a function begins.
  case toolCallStarted(itemID: String, name: String)
  /// More of a call's arguments, JSON text.
  case argumentsDelta(itemID: String, text: String)
  /// An item is complete, in the form of a Responses item.
  case itemCompleted(JSONValue)
  /// The request failed and is sent again after a pause; what was said so far is void.
  case retrying(reason: String, delay: Duration)
}

/// A complete answer of a model.
package struct ModelResponse: Sendable, Hashable {
  /// A call of a function.
  package struct ToolCall: Sendable, Hashable {
    /// What the output must name.
    package let callID: String
    /// The function.
    package let name: String
    /// The arguments, JSON text as the model wrote it.
    package let arguments: String
  }

  /// The provider's id of the response.
  package var id: String
  /// The model that answered, by the provider's name.
  package var model: String
  /// The items in the form of Responses items.
  package var items: [JSONValue]
  /// The tokens.
  package var usage: TokenUsage
  /// The response in full, JSON as the provider sent it.
  package var raw: String
  /// From request to end.
  package var latency: Duration

  /// An answer.
  package init(
    id: String, model: String, items: [JSONValue], usage: TokenUsage, raw: String, latency: Duration
  ) {
    self.id = id
    self.model = model
    self.items = items
    self.usage = usage
    self.raw = raw
    self.latency = latency
  }

  /// All words of the answer.
  package var text: String {
    items.filter { $0["type"]?.string == "message" }
      .flatMap { $0["content"]?.array ?? [] }
      .compactMap { $0["text"]?.string ?? $0["refusal"]?.string }
      .joined()
  }

  /// The calls of functions, in order.
  package var toolCalls: [ToolCall] {
    items.filter { $0["type"]?.string == "function_call" }.map {
      ToolCall(
        callID: $0["call_id"]?.string ?? "", name: $0["name"]?.string ?? "", arguments: $0["arguments"]?.string ?? "")
    }
  }
}

/// A model behind some provider's wire format.
package protocol ModelProvider: Sendable {
  /// Asks and returns the whole answer; tells what happens meanwhile.
  ///
  /// - Throws: `ModelError`, or what `onEvent` throws. Cancelling the task ends the request at once.
  func respond(
    to request: ModelRequest, onEvent: @escaping @Sendable (ModelEvent) async throws -> Void
  ) async throws -> ModelResponse
}
