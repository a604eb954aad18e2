import JSON

/// Follows the stream of OpenAI's Responses API: events in, what the model does out.
///
///     response.created -> output_item.added -> deltas -> output_item.done -> ... -> response.completed
///                                                          \-> response.failed, response.incomplete, error
///
/// Event types that are not known are passed over, as the API's own clients do.
struct ResponsesStreamDecoder: Sendable {
  private var names: [String: String] = [:]
  private var items: [JSONValue] = []

  /// The final `response` object, once it has come.
  private(set) var response: JSONValue?

  /// Takes one event.
  ///
  /// - Throws: `ModelError` when the model failed or the event is not what the API promises.
  mutating func receive(_ event: ServerSentEvent) throws(ModelError) -> ModelEvent? {
    guard event.data != "[DONE]" else { return nil }
    let value: JSONValue
    do { value = try JSONParser.parse(event.data) } catch {
      throw ModelError(.malformed, "the model's stream holds broken JSON: \(error)", isRetryable: true)
    }
    let itemID = value["item_id"]?.string ?? ""
    let delta = value["delta"]?.string ?? ""
    switch value["type"]?.string ?? event.name {
    case "response.output_text.delta", "response.refusal.delta":
      return .textDelta(itemID: itemID, text: delta)
    case "response.reasoning_summary_text.delta", "response.reasoning_text.delta":
      return .reasoningDelta(itemID: itemID, text: delta)
    case "response.function_call_arguments.delta":
      return .argumentsDelta(itemID: itemID, text: delta)
    case "response.output_item.added":
      guard let item = value["item"], item["type"]?.string == "function_call" else { return nil }
      return .toolCallStarted(itemID: item["id"]?.string ?? "", name: item["name"]?.string ?? "")
    case "response.output_item.done":
      guard let item = value["item"], item.object != nil else { return nil }
      items.append(item)
      return .itemCompleted(item)
    case "response.completed":
      try complete(value)
    case "response.failed", "response.incomplete", "error":
      throw Self.failure(value)
    default: break
    }
    return nil
  }

  private mutating func complete(_ value: JSONValue) throws(ModelError) {
    guard var object = value["response"]?.object else {
      throw ModelError(.malformed, "the model's last event has no response", isRetryable: true)
    }
    // Some compatible servers leave the output of the last event empty.
    if object["output"]?.array?.isEmpty != false, !items.isEmpty { object["output"] = .array(items) }
    response = .object(object)
  }

  /// The error of a failed, incomplete or refused response.
  static func failure(_ value: JSONValue) -> ModelError {
    let response = value["response"] ?? value
    let error = response["error"] ?? value["error"] ?? value
    let code = error["code"]?.string ?? ""
    if let reason = response["incomplete_details"]?["reason"]?.string {
      return ModelError(.failed, "the model stopped before the end of its answer: \(reason)", isRetryable: false)
    }
    let message = error["message"]?.string ?? "no reason was given"
    let isRetryable = ["server_error", "rate_limit_exceeded", "overloaded_error"].contains(code)
    return ModelError(.failed, "the model failed: \(message.prefix(500))", isRetryable: isRetryable)
  }

  /// Whether an item can be shown and sent back: a call without a name or an id could never be answered.
  private static func isWellFormed(_ item: JSONValue) -> Bool {
    guard let type = item["type"]?.string else { return false }
    guard type == "function_call" else { return true }
    return item["call_id"]?.string?.isEmpty == false && item["name"]?.string?.isEmpty == false
      && item["arguments"]?.string != nil
  }

  /// A response object as the provider-neutral answer.
  static func answer(from response: JSONValue, latency: Duration) throws(ModelError) -> ModelResponse {
    guard let items = response["output"]?.array else {
      throw ModelError(.malformed, "the model's response has no output", isRetryable: true)
    }
    if let status = response["status"]?.string, status != "completed" { throw failure(["response": response]) }
    guard items.allSatisfy(isWellFormed) else {
      throw ModelError(.malformed, "the model's response has an item that is none", isRetryable: true)
    }
    var usage = TokenUsage()
    usage.input = response["usage"]?["input_tokens"]?.integer ?? 0
    usage.cached = response["usage"]?["input_tokens_details"]?["cached_tokens"]?.integer ?? 0
    usage.output = response["usage"]?["output_tokens"]?.integer ?? 0
    usage.reasoning = response["usage"]?["output_tokens_details"]?["reasoning_tokens"]?.integer ?? 0
    return ModelResponse(
      id: response["id"]?.string ?? "", model: response["model"]?.string ?? "", items: items, usage: usage,
      raw: response.encodedText, latency: latency)
  }
}
