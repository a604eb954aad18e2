import JSON

/// Follows the stream of OpenAI's Responses API: events in, what the model does out.
///
///     response.created -> output_item.added -> deltas -> output_item.done -> ... -> response.completed
///                                                          \-> response.failed, response.incomplete, error
///
/// Event types that are not known are passed over, as the API's own clients do.
package struct ResponsesStreamDecoder: StreamDecoder {
  private var items: [JSONValue] = []

  /// The final `response` object, once it has come.
  private var response: JSONValue?

  /// A decoder at the start of a stream.
  package init() {}

  /// Takes one event.
  package mutating func receive(_ event: ServerSentEvent) throws(ModelError) -> [ModelEvent] {
    guard event.data != "[DONE]" else { return [] }
    let value = try Self.value(of: event)
    let itemID = value["item_id"]?.string ?? ""
    let delta = value["delta"]?.string ?? ""
    switch value["type"]?.string ?? event.name {
    case "response.output_text.delta", "response.refusal.delta":
      return [.textDelta(itemID: itemID, text: delta)]
    case "response.reasoning_summary_text.delta", "response.reasoning_text.delta":
      return [.reasoningDelta(itemID: itemID, text: delta)]
    case "response.function_call_arguments.delta":
      return [.argumentsDelta(itemID: itemID, text: delta)]
    case "response.output_item.added":
      guard let item = value["item"], item["type"]?.string == "function_call" else { return [] }
      return [.toolCallStarted(itemID: item["id"]?.string ?? "", name: item["name"]?.string ?? "")]
    case "response.output_item.done":
      guard let item = value["item"], item.object != nil else { return [] }
      items.append(item)
      return [.itemCompleted(item)]
    case "response.completed":
      try complete(value)
    case "response.failed", "response.incomplete", "error":
      throw Self.failure(value)
    default: break
    }
    return []
  }

  private mutating func complete(_ value: JSONValue) throws(ModelError) {
    guard var object = value["response"]?.object else {
      throw Self.malformed("last event has no response")
    }
    // Some compatible servers leave the output of the last event empty.
    if object["output"]?.array?.isEmpty != false, !items.isEmpty { object["output"] = .array(items) }
    response = .object(object)
  }

  /// The error of a failed, incomplete or refused response.
  private static func failure(_ value: JSONValue) -> ModelError {
    let response = value["response"] ?? value
    if let reason = response["incomplete_details"]?["reason"]?.string {
      guard reason == "content_filter" else { return stopped(reason) }
      return ModelError(.declined, "the model declined to answer: \(reason)", isRetryable: false)
    }
    let error = [response["error"], value["error"]].compactMap { $0 }.first { $0.object != nil } ?? value
    let code = error["code"]?.string ?? ""
    let message = error["message"]?.string ?? "no reason was given"
    if let error = StreamingClient.contextTooLong(message, code: code) { return error }
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

  /// The answer, at the end of the stream.
  package func answer(latency: Duration) throws(ModelError) -> ModelResponse {
    guard let response else { throw Self.cutOff }
    guard let items = response["output"]?.array else { throw Self.malformed("response has no output") }
    if let status = response["status"]?.string, status != "completed" { throw Self.failure(["response": response]) }
    guard items.allSatisfy(Self.isWellFormed) else { throw Self.malformed("response has an item that is none") }
    return ModelResponse(
      id: response["id"]?.string ?? "", model: response["model"]?.string ?? "", items: items,
      usage: .openAI(response["usage"]), raw: response.encodedText, latency: latency)
  }
}
