import JSON
import ModelProviders
import Testing

@Suite struct `Usage of what passes` {
  private static let sse = "text/event-stream; charset=utf-8"

  static let answers: [(ProviderName, String, String, [Int], Bool, String?)] = [
    (
      .openAI, sse,
      """
      event: response.created\ndata: {"type":"response.created","response":{"model":"gpt-5-x","usage":null}}\n
      data: {"type":"response.output_text.delta","delta":"\\"usage\\": {}"}\n
      event: response.completed\ndata: {"type":"response.completed","response":{"model":"gpt-5-x","usage":\
      {"input_tokens":9,"input_tokens_details":{"cached_tokens":4},"output_tokens":3,"output_tokens_details":\
      {"reasoning_tokens":1}}}}\n\n
      """, [9, 4, 3, 1], true, "gpt-5-x"
    ),
    (
      .openAI, "application/json",
      """
      {"error":null,"output":[{"usage":{"input_tokens":1}}],"model":"gpt-5","usage":{"input_tokens":9,"output_tokens":3}}
      """, [9, 0, 3, 0], true, "gpt-5"
    ),
    (
      .openAI, sse,
      """
      data: {"model":"m","choices":[],"usage":null}\n
      data: {"model":"m","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,\
      "prompt_tokens_details":{"cached_tokens":1},"completion_tokens_details":{"reasoning_tokens":2}}}\n\ndata: [DONE]\n\n
      """, [5, 1, 2, 2], true, "m"
    ),
    (
      .anthropic, sse,
      """
      event: message_start\ndata: {"type":"message_start","message":{"model":"claude-x","usage":{"input_tokens":10,\
      "cache_read_input_tokens":5,"cache_creation_input_tokens":2,"output_tokens":1}}}\n
      event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":7}}\n\n
      """, [17, 5, 7, 0], true, "claude-x"
    ),
    (
      .gemini, sse,
      """
      data: {"modelVersion":"g","usageMetadata":{"promptTokenCount":8}}\r\n\r
      data: {"modelVersion":"g","usageMetadata":{"promptTokenCount":8,"candidatesTokenCount":3,"thoughtsTokenCount":2,\
      "cachedContentTokenCount":1}}\r\n\r\n
      """, [8, 1, 5, 2], true, "g"
    ),
    (
      .gemini, "application/json",
      """
      [{"modelVersion":"g","usageMetadata":{"promptTokenCount":8}},\r\n{"usageMetadata":{"promptTokenCount":8,\
      "candidatesTokenCount":3}}]
      """, [8, 0, 3, 0], true, "g"
    ),
    // Not to the end: Anthropic's first event tells only what was read.
    (
      .anthropic, sse,
      "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":10,\"output_tokens\":1}}}\n\n",
      [10, 0, 1, 0], false, nil
    ),
  ]

  @Test(arguments: answers)
  func `is read at every split`(
    provider: ProviderName, type: String, text: String, counts: [Int], isFinal: Bool, model: String?
  ) throws {
    let bytes = Array(text.utf8)
    for split in 0...bytes.count {
      var reader = UsageReader(provider: provider, contentType: type)
      reader.receive(Array(bytes[..<split]))
      reader.receive(Array(bytes[split...]))
      let report = reader.report(isWhole: true)
      let usage = try #require(report.usage)
      #expect([usage.input, usage.cached, usage.output, usage.reasoning] == counts)
      #expect(report.isFinal == isFinal)
      #expect(report.model == model)
    }
  }

  @Test(arguments: [
    (ProviderName.openAI, "data: {\"type\":\"error\",\"message\":\"x\"}\n\n", true),
    (.openAI, "data: {\"type\":\"error\",\"error\":{\"message\":\"x\"}}\n\n", true),
    (.openAI, "data: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"x\"}}}\n\n", true),
    (.anthropic, "data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n", true),
    (.openAI, "data: {\"type\":\"response.output_text.delta\",\"delta\":\"error\"}\n\n", false),
  ])
  func `is none when the answer says that it failed`(provider: ProviderName, text: String, isFailure: Bool) {
    var reader = UsageReader(provider: provider, contentType: Self.sse)
    reader.receive(Array(text.utf8))
    let report = reader.report(isWhole: true)
    #expect(report.usage == nil)
    #expect(report.isFailure == isFailure)
  }

  @Test(arguments: [ProviderName.openAI, .anthropic, .gemini])
  func `is not known of what cannot be read`(provider: ProviderName) {
    for text in ["", "data: {\"usage\": \n\n", "<html>usage</html>", "{\"usage\":", "data: [\"usage\"]\n\n"] {
      for type in [Self.sse, "text/html", ""] {
        var reader = UsageReader(provider: provider, contentType: type)
        reader.receive(Array(text.utf8))
        let report = reader.report(isWhole: true)
        #expect(report.usage == nil)
        #expect(!report.isFinal)
      }
    }
  }
}

@Suite struct `Calls of models` {
  private static func call(_ path: String, _ body: String, method: String = "POST") -> ModelCall? {
    ModelCall(
      TransportRequest(
        passing: method, url: "https://api.example.org\(path)", fields: [], authorization: nil, body: Array(body.utf8)))
  }

  @Test(arguments: [
    ("/v1/responses", "{\"model\":\"gpt-5\",\"max_output_tokens\":10}", ProviderName.openAI, "gpt-5", 10),
    ("/v1/chat/completions", "{\"model\":\"m\",\"max_completion_tokens\":10,\"n\":3}", .openAI, "m", 30),
    ("/v1/chat/completions", "{\"max_tokens\":7}", .openAI, "unknown", 7),
    ("/v1/messages?beta=true", "{\"model\":\"c\",\"max_tokens\":7}", .anthropic, "c", 7),
    (
      "/v1beta/models/gemini-x:generateContent", "{\"generationConfig\":{\"maxOutputTokens\":5,\"candidateCount\":2}}",
      .gemini, "gemini-x", 10
    ),
    ("/v1beta/models/g:streamGenerateContent?alt=sse", "{}", .gemini, "g", ModelCall.unlimitedOutput),
    ("/v1/embeddings", "{\"model\":\"e\",\"input\":\"x\"}", .openAI, "e", 0),
    ("/v1/responses", "{\"model\":\"cheap\",\"model\":\"dear\",\"max_output_tokens\":-5}", .openAI, "dear", 0),
    ("/v1/responses", "no json", .openAI, "unknown", ModelCall.unlimitedOutput),
    (
      "/v1/responses", "{\"max_output_tokens\":9223372036854775807,\"n\":9223372036854775807}", .openAI, "unknown",
      1 << 42
    ),
  ])
  func `are known by their request`(
    path: String, body: String, provider: ProviderName, model: String, output: Int
  ) throws {
    let call = try #require(Self.call(path, body))
    #expect(call.provider == provider)
    #expect(call.model == model)
    #expect(call.outputBound == output)
    #expect(call.inputBound == body.utf8.count)
  }

  @Test(arguments: [
    ("GET", "/v1/models"), ("GET", "/v1/responses/resp_1"), ("DELETE", "/v1/responses/resp_1"),
    ("POST", "/v1/messages/count_tokens"), ("POST", "/v1beta/models/g:countTokens"), ("POST", "/v1/responses/r/cancel"),
    ("POST", "/v1/responses/input_tokens"),
  ])
  func `are not what makes no model work`(method: String, path: String) {
    #expect(Self.call(path, "{}", method: method) == nil)
  }
}
