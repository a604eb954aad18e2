import JSON
package import Platform

/// Asks models by OpenAI's Responses API, of OpenAI or any server that speaks it.
package struct OpenAIResponsesProvider: ModelProvider {
  /// The address without `/responses`: `https://api.openai.com/v1`.
  private let baseURL: String
  private let key: Secret
  private let transport: any ModelTransport
  private let retry: RetryPolicy

  /// Bytes of one response's stream; a model that goes on for ever is stopped there.
  package static var responseLimit: Int { 16 << 20 }

  /// A provider at an address, with a key.
  package init(baseURL: String, key: Secret, transport: any ModelTransport, retry: RetryPolicy = RetryPolicy()) {
    self.baseURL = baseURL.hasSuffix("/") ? String(baseURL.dropLast()) : baseURL
    self.key = key
    self.transport = transport
    self.retry = retry
  }

  /// Asks by `POST /responses` with `stream: true`, again as the policy says.
  package func respond(
    to request: ModelRequest, onEvent: @Sendable (ModelEvent) async throws -> Void
  ) async throws -> ModelResponse {
    let outgoing = TransportRequest(
      url: baseURL + "/responses", fields: [("accept", "text/event-stream")],
      authorization: ("authorization", Secret("Bearer \(key.revealed)")), body: Self.body(of: request).encodedBytes)
    return try await retry.run(onEvent: onEvent) {
      do { return try await ask(outgoing, onEvent: onEvent) } catch let error as ModelError { throw redacted(error) }
    }
  }

  /// An error without the key, which some providers repeat in theirs.
  private func redacted(_ error: ModelError) -> ModelError {
    guard !key.revealed.isEmpty, error.message.contains(key.revealed) else { return error }
    return ModelError(
      error.code, error.message.replacing(key.revealed, with: key.description), status: error.status,
      retryAfter: error.retryAfter, isRetryable: error.isRetryable)
  }

  private func ask(
    _ request: TransportRequest, onEvent: @Sendable (ModelEvent) async throws -> Void
  ) async throws -> ModelResponse {
    let began = ContinuousClock.now
    let response = try await transport.send(request)
    guard response.status == 200 else { throw try await Self.refusal(response) }
    var events = SSEDecoder()
    var decoder = ResponsesStreamDecoder()
    var received = 0
    while let chunk = try await response.body() {
      received += chunk.count
      guard received <= Self.responseLimit else {
        throw ModelError(.malformed, "the model's answer has more than \(Self.responseLimit) bytes", isRetryable: false)
      }
      for event in events.receive(chunk) {
        if let event = try decoder.receive(event) { try await onEvent(event) }
      }
    }
    try Task.checkCancellation()
    guard let value = decoder.response else {
      throw ModelError(.cutOff, "the model's stream ended before the answer was complete", isRetryable: true)
    }
    return try ResponsesStreamDecoder.answer(from: value, latency: began.duration(to: .now))
  }

  /// The request's body.
  ///
  /// Nothing is kept at the provider: the conversation is sent whole, reasoning included.
  static func body(of request: ModelRequest) -> JSONValue {
    var members: [(String, JSONValue)] = [
      ("model", .string(request.model)), ("instructions", .string(request.instructions)),
      ("input", .array(request.input)), ("max_output_tokens", .integer(request.maximumOutputTokens)),
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

  /// The error of an answer that is no stream; the body's first bytes tell why.
  private static func refusal(_ response: TransportResponse) async throws -> ModelError {
    var body: [UInt8] = []
    while body.count < 16 * 1024, let chunk = try await response.body() { body.append(contentsOf: chunk) }
    let value = try? JSONParser.parse(body)
    let reason = value?["error"]?["message"]?.string ?? String(decoding: body.prefix(200), as: UTF8.self)
    return ModelError(
      .refused, "the model provider answered \(response.status): \(reason.prefix(500))", status: response.status,
      retryAfter: RetryPolicy.retryAfter(of: response), isRetryable: RetryPolicy.isRetryable(response))
  }
}
