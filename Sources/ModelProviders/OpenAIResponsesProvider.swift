import JSON
package import Platform

/// Asks models by OpenAI's Responses API, of OpenAI or any server that speaks it.
package struct OpenAIResponsesProvider: ModelProvider {
  private let client: StreamingClient

  /// A provider at an address that ends with `/v1`, with a key.
  package init(baseURL: String, key: Secret, transport: any ModelTransport, retry: RetryPolicy = RetryPolicy()) {
    client = StreamingClient(baseURL: baseURL, key: key, transport: transport, retry: retry)
  }

  /// Asks by `POST /responses` with `stream: true`, again as the policy says.
  package func respond(
    to request: ModelRequest, onEvent: @escaping @Sendable (ModelEvent) async throws -> Void
  ) async throws -> ModelResponse {
    try await client.post(
      "/responses", authorization: ("authorization", Secret("Bearer \(client.key.revealed)")),
      body: Self.body(of: request), decoder: ResponsesStreamDecoder(), onEvent: onEvent)
  }

  /// The request's body.
  ///
  /// Nothing is kept at the provider: the conversation is sent whole, reasoning included.
  static func body(of request: ModelRequest) -> JSONValue {
    var members: [(String, JSONValue)] = [
      ("model", .string(request.model)), ("instructions", .string(request.instructions)),
      ("input", .array(request.input.compactMap(item))), ("max_output_tokens", .integer(request.maximumOutputTokens)),
      ("store", false), ("include", ["reasoning.encrypted_content"]), ("stream", true),
    ]
    if !request.tools.isEmpty {
      members.append(("tools", .array(request.tools.map(Self.tool))))
      members.append(("parallel_tool_calls", false))
    }
    if let schema = request.outputSchema {
      members.append(
        (
          "text",
          ["format": ["type": "json_schema", "name": .string(schema.name), "schema": schema.schema, "strict": true]]
        ))
    }
    return .object(JSONObject(members))
  }

  private static func tool(_ tool: ModelRequest.Tool) -> JSONValue {
    [
      "type": "function", "name": .string(tool.name), "description": .string(tool.description),
      "parameters": tool.parameters, "strict": true,
    ]
  }

  /// An item without what other providers keep in it; their reasoning says nothing to this one.
  private static func item(_ item: JSONValue) -> JSONValue? {
    guard item[Conversation.dataMember] != nil, var object = item.object else { return item }
    guard item["type"]?.string != "reasoning" else { return nil }
    object[Conversation.dataMember] = nil
    return .object(object)
  }
}
