import JSON
package import Platform

/// Asks models by Anthropic's Messages API.
package struct AnthropicMessagesProvider: ModelProvider {
  private let client: StreamingClient

  /// The version of the API, a field of every request.
  private static let version = "2023-06-01"
  /// The least that a model of the family may write; more than a model can write is refused by some.
  private static let outputLimit = 32_000

  /// A provider at an address without `/v1`, with a key.
  package init(baseURL: String, key: Secret, transport: any ModelTransport, retry: RetryPolicy = RetryPolicy()) {
    client = StreamingClient(baseURL: baseURL, key: key, transport: transport, retry: retry)
  }

  /// Asks by `POST /v1/messages` with `stream: true`, again as the policy says.
  package func respond(
    to request: ModelRequest, onEvent: @escaping @Sendable (ModelEvent) async throws -> Void
  ) async throws -> ModelResponse {
    try await client.post(
      "/v1/messages", fields: [("anthropic-version", Self.version)], authorization: ("x-api-key", client.key),
      body: Self.body(of: request), decoder: AnthropicStreamDecoder(), onEvent: onEvent)
  }

  /// The request's body.
  static func body(of request: ModelRequest) -> JSONValue {
    let conversation = Conversation(request.input)
    let system = ([request.instructions] + conversation.instructions).filter { !$0.isEmpty }.joined(separator: "\n\n")
    var members: [(String, JSONValue)] = [
      ("model", .string(request.model)), ("max_tokens", .integer(min(request.maximumOutputTokens, outputLimit))),
    ]
    if !system.isEmpty { members.append(("system", .string(system))) }
    members.append(("messages", .array(conversation.turns.compactMap(message))))
    if !request.tools.isEmpty {
      members.append(
        (
          "tools",
          .array(
            request.tools.map {
              [
                "name": .string($0.name), "description": .string($0.description), "input_schema": $0.parameters,
              ]
            })
        ))
      members.append(("tool_choice", ["type": "auto", "disable_parallel_tool_use": true]))
    }
    // Not by a tool that it must call: models that always think refuse that.
    if let schema = request.outputSchema {
      members.append(("output_config", ["format": ["type": "json_schema", "schema": schema.schema]]))
    }
    members.append(("stream", true))
    return .object(JSONObject(members))
  }

  /// A turn as a message, or nil when nothing of it is left.
  private static func message(_ turn: Conversation.Turn) -> JSONValue? {
    var blocks = turn.items.compactMap(block)
    // Results come before words: the API wants them first.
    if !turn.isModel {
      let isResult = { (block: JSONValue) in block["type"]?.string == "tool_result" }
      blocks = blocks.filter(isResult) + blocks.filter { !isResult($0) }
    }
    let hasMore = blocks.contains { !["thinking", "redacted_thinking"].contains($0["type"]?.string ?? "") }
    return hasMore ? ["role": turn.isModel ? "assistant" : "user", "content": .array(blocks)] : nil
  }

  /// An item as a block; empty words, and what other providers thought, are left out.
  private static func block(_ item: JSONValue) -> JSONValue? {
    switch item["type"]?.string ?? "message" {
    case "reasoning": return Conversation.data(of: item, for: .anthropic)
    case "function_call":
      return [
        "type": "tool_use", "id": .string(toolID(item)), "name": item["name"] ?? "",
        "input": Conversation.arguments(of: item),
      ]
    case "function_call_output":
      return [
        "type": "tool_result", "tool_use_id": .string(toolID(item)), "content": .string(Conversation.text(of: item)),
      ]
    default:
      let text = Conversation.text(of: item)
      return text.allSatisfy(\.isWhitespace) ? nil : ["type": "text", "text": .string(text)]
    }
  }

  /// The id of a call in the letters that the API allows; other providers use more.
  private static func toolID(_ item: JSONValue) -> String {
    let id = item["call_id"]?.string ?? ""
    return String(id.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == "-") ? $0 : "_" })
  }
}
