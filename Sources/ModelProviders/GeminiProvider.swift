import JSON
package import Platform

/// Asks models by the Gemini API.
package struct GeminiProvider: ModelProvider {
  private let client: StreamingClient

  /// A provider at an address without `/v1beta`, with a key.
  package init(baseURL: String, key: Secret, transport: any ModelTransport, retry: RetryPolicy = RetryPolicy()) {
    client = StreamingClient(baseURL: baseURL, key: key, transport: transport, retry: retry)
  }

  /// Asks by `POST /v1beta/models/MODEL:streamGenerateContent`, again as the policy says.
  package func respond(
    to request: ModelRequest, onEvent: @escaping @Sendable (ModelEvent) async throws -> Void
  ) async throws -> ModelResponse {
    try await client.post(
      "/v1beta/models/\(Self.encoded(request.model)):streamGenerateContent?alt=sse",
      authorization: ("x-goog-api-key", client.key), body: Self.body(of: request),
      decoder: GeminiStreamDecoder(model: request.model), onEvent: onEvent)
  }

  /// A model's name as one segment of a path.
  private static func encoded(_ model: String) -> String {
    model.utf8.map { byte in
      let isPlain = UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
      if isPlain || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || "-._~".utf8.contains(byte) {
        return String(UnicodeScalar(byte))
      }
      return "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
    }.joined()
  }

  /// The request's body.
  static func body(of request: ModelRequest) -> JSONValue {
    let conversation = Conversation(request.input)
    var members: [(String, JSONValue)] = [
      ("contents", .array(conversation.turns.compactMap { content($0, conversation.calls) }))
    ]
    let system = ([request.instructions] + conversation.instructions).filter { !$0.isEmpty }
    if !system.isEmpty {
      members.append(("systemInstruction", ["parts": .array(system.map { ["text": .string($0)] })]))
    }
    if !request.tools.isEmpty {
      let functions: [JSONValue] = request.tools.map {
        [
          "name": .string($0.name), "description": .string($0.description), "parametersJsonSchema": $0.parameters,
        ]
      }
      members.append(("tools", [["functionDeclarations": .array(functions)]]))
    }
    var configuration: [(String, JSONValue)] = [("maxOutputTokens", .integer(request.maximumOutputTokens))]
    if let schema = request.outputSchema {
      configuration += [("responseMimeType", "application/json"), ("responseJsonSchema", schema.schema)]
    }
    members.append(("generationConfig", .object(JSONObject(configuration))))
    return .object(JSONObject(members))
  }

  /// A turn as a content, or nil when nothing of it is left.
  private static func content(_ turn: Conversation.Turn, _ calls: [String: JSONValue]) -> JSONValue? {
    let parts = turn.items.compactMap { part($0, calls) }
    return parts.isEmpty ? nil : ["role": turn.isModel ? "model" : "user", "parts": .array(parts)]
  }

  /// An item as a part; signatures go back on the part on which they came.
  private static func part(_ item: JSONValue, _ calls: [String: JSONValue]) -> JSONValue? {
    let data = Conversation.data(of: item, for: .gemini)?.object
    var part: JSONObject
    switch item["type"]?.string ?? "message" {
    case "reasoning":
      guard data != nil else { return nil }
      let summary = (item["summary"]?.array ?? []).compactMap { $0["text"]?.string }.joined()
      part = JSONObject([("text", .string(summary))])
      part["thought"] = data?["thought"]
    case "function_call":
      var call = JSONObject([("name", item["name"] ?? ""), ("args", Conversation.arguments(of: item))])
      call["id"] = data?["id"]
      part = JSONObject([("functionCall", .object(call))])
    case "function_call_output":
      let call = calls[item["call_id"]?.string ?? ""] ?? [:]
      let text = Conversation.text(of: item)
      // An output that is no object becomes one.
      let output = (try? JSONParser.parse(text)).flatMap { $0.object == nil ? nil : $0 } ?? ["output": .string(text)]
      var response = JSONObject([("name", call["name"] ?? ""), ("response", output)])
      // An id only where the API gave one.
      response["id"] = Conversation.data(of: call, for: .gemini)?["id"]
      part = JSONObject([("functionResponse", .object(response))])
    default:
      let text = Conversation.text(of: item)
      guard !text.isEmpty else { return nil }
      part = JSONObject([("text", .string(text))])
    }
    part["thoughtSignature"] = data?["thoughtSignature"]
    return .object(part)
  }
}
