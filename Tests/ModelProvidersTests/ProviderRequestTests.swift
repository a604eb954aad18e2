import Foundation
import JSON
import ModelProviders
import Platform
import Synchronization
import Testing

/// What is sent to the providers for one conversation, and what comes back of it.
@Suite(.timeLimit(.minutes(1))) struct `Requests to the providers` {
  /// A transport that keeps the requests and answers each with the stream of a file.
  private final class Recorder: ModelTransport {
    private let requests = Mutex<[TransportRequest]>([])
    private let stream: [UInt8]

    init(_ stream: String) throws {
      let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../Corpus/streams")
      self.stream = Array(try Data(contentsOf: folder.appending(path: stream + ".sse")))
    }

    var sent: [TransportRequest] { requests.withLock { $0 } }

    func send(_ request: TransportRequest) async throws -> TransportResponse {
      requests.withLock { $0.append(request) }
      let rest = Mutex<[UInt8]?>(stream)
      return TransportResponse(status: 200, fields: [], body: { rest.withLock { $0.take() } })
    }
  }

  private static let tool = ModelRequest.Tool(
    name: "submit_patch", description: "Submit.", parameters: ["type": "object", "properties": [:]])
  private static let schema: JSONValue = [
    "type": "object", "properties": ["approved": ["type": "boolean"]], "required": ["approved"],
    "additionalProperties": false,
  ]

  private static func body(
    _ provider: ProviderName, _ stream: String, _ input: [JSONValue], tools: [ModelRequest.Tool] = [],
    schema: JSONValue? = nil
  ) async throws -> (request: TransportRequest, body: JSONValue, response: ModelResponse) {
    let recorder = try Recorder(stream)
    let endpoints = Dictionary(
      uniqueKeysWithValues: ProviderName.allCases.map {
        ($0, ProviderEndpoint(baseURL: "http://\($0.rawValue)/", key: Secret("k-\($0.rawValue)")))
      })
    let models = [ProviderName.openAI: "gpt-5", .anthropic: "claude-sonnet-4-5", .gemini: "gemini-2.5-pro"]
    let request = ModelRequest(
      model: models[provider] ?? "", instructions: "Be brief.", input: input, tools: tools,
      outputSchema: schema.map { .init(name: "out", schema: $0) }, maximumOutputTokens: 64_000)
    let response = try await ProviderDirectory(endpoints, transport: recorder).respond(to: request) { _ in }
    let sent = try #require(recorder.sent.first)
    return (sent, try JSONParser.parse(sent.body), response)
  }

  private static let question: JSONValue = ["role": "user", "content": "Hi"]

  /// A conversation with everything: two calls, one of which was never answered, and a note of the developer.
  private static let conversation: [JSONValue] = [
    ["role": "developer", "content": "Be kind."], question,
    [
      "type": "message", "role": "assistant", "id": "msg_1",
      "content": [["type": "output_text", "text": "Look:", "annotations": []]],
    ],
    ["type": "function_call", "call_id": "a.1", "id": "fc_1", "name": "submit_patch", "arguments": #"{"patch":"x"}"#],
    ["type": "function_call", "call_id": "lost", "id": "fc_2", "name": "submit_patch", "arguments": "{}"],
    ["role": "user", "content": [["type": "input_text", "text": "And?"]]],
    ["type": "function_call_output", "call_id": "a.1", "output": #"{"approved":false}"#],
    ["type": "function_call_output", "call_id": "ghost", "output": "x"], ["role": "assistant", "content": ""],
    ["role": "user", "content": "Again"],
  ]

  @Test func `go to Anthropic as messages of blocks`() async throws {
    let (request, body, _) = try await Self.body(
      .anthropic, "anthropic/words", Self.conversation, tools: [Self.tool])
    #expect(request.url == "http://anthropic/v1/messages")
    #expect(request.authorization?.name == "x-api-key")
    #expect(request.authorization?.value.revealed == "k-anthropic")
    #expect(request.fields.contains { $0.name == "anthropic-version" && $0.value == "2023-06-01" })
    #expect(body["system"]?.string == "Be brief.\n\nBe kind.")
    #expect(body["max_tokens"]?.integer == 32_000)
    #expect(body["stream"]?.bool == true)
    let wanted: JSONValue = [
      ["role": "user", "content": [["type": "text", "text": "Hi"]]],
      [
        "role": "assistant",
        "content": [
          ["type": "text", "text": "Look:"],
          ["type": "tool_use", "id": "a_1", "name": "submit_patch", "input": ["patch": "x"]],
        ],
      ],
      [
        "role": "user",
        "content": [
          ["type": "tool_result", "tool_use_id": "a_1", "content": #"{"approved":false}"#],
          ["type": "text", "text": "And?"],
        ],
      ], ["role": "user", "content": [["type": "text", "text": "Again"]]],
    ]
    #expect(body["messages"] == wanted)
    #expect(
      body["tools"] == [["name": "submit_patch", "description": "Submit.", "input_schema": Self.tool.parameters]])
    #expect(body["tool_choice"] == ["type": "auto", "disable_parallel_tool_use": true])
    #expect(body["output_config"] == nil)
  }

  @Test func `go to Gemini as contents of parts`() async throws {
    let (request, body, _) = try await Self.body(.gemini, "gemini/words", Self.conversation, tools: [Self.tool])
    #expect(request.url == "http://gemini/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse")
    #expect(request.authorization?.name == "x-goog-api-key")
    #expect(body["systemInstruction"] == ["parts": [["text": "Be brief."], ["text": "Be kind."]]])
    let wanted: JSONValue = [
      ["role": "user", "parts": [["text": "Hi"]]],
      [
        "role": "model",
        "parts": [["text": "Look:"], ["functionCall": ["name": "submit_patch", "args": ["patch": "x"]]]],
      ],
      [
        "role": "user",
        "parts": [
          ["text": "And?"], ["functionResponse": ["name": "submit_patch", "response": ["approved": false]]],
        ],
      ], ["role": "user", "parts": [["text": "Again"]]],
    ]
    #expect(body["contents"] == wanted)
    let function = body["tools"]?.array?.first?["functionDeclarations"]?.array?.first
    #expect(function?["parametersJsonSchema"] == Self.tool.parameters)
    #expect(body["generationConfig"] == ["maxOutputTokens": 64_000])
  }

  @Test func `ask for an answer in a form, each provider in its own way`() async throws {
    let openAI = try await Self.body(.openAI, "openai/words", [Self.question], schema: Self.schema).body
    #expect(openAI["text"]?["format"]?["schema"] == Self.schema)
    let anthropic = try await Self.body(.anthropic, "anthropic/words", [Self.question], schema: Self.schema).body
    #expect(anthropic["output_config"] == ["format": ["type": "json_schema", "schema": Self.schema]])
    #expect(anthropic["tools"] == nil)
    let gemini = try await Self.body(.gemini, "gemini/words", [Self.question], schema: Self.schema).body
    let configuration: JSONValue = [
      "maxOutputTokens": 64_000, "responseMimeType": "application/json", "responseJsonSchema": Self.schema,
    ]
    #expect(gemini["generationConfig"] == configuration)
  }

  @Test func `give thinking and signatures back unchanged`() async throws {
    let thought = try await Self.body(.anthropic, "anthropic/thinking-and-call", [Self.question]).response
    let output: JSONValue = ["type": "function_call_output", "call_id": "toolu_01A", "output": "ok"]
    let anthropic = try await Self.body(
      .anthropic, "anthropic/words", [Self.question] + thought.items + [output]
    ).body
    let blocks: JSONValue = [
      ["type": "thinking", "thinking": "I look.", "signature": "EqQBCgIYAhIM"],
      ["type": "redacted_thinking", "data": "EmwKAhgB"], ["type": "text", "text": "Here:"],
      [
        "type": "tool_use", "id": "toolu_01A", "name": "submit_patch",
        "input": ["patch": "--- a/x\n", "description": "Ändern"],
      ],
    ]
    #expect(anthropic["messages"]?.array?[1]["content"] == blocks)

    let called = try await Self.body(.gemini, "gemini/thoughts-and-call", [Self.question]).response
    let outputs: [JSONValue] = called.toolCalls.map {
      ["type": "function_call_output", "call_id": .string($0.callID), "output": "ok"]
    }
    let gemini = try await Self.body(.gemini, "gemini/words", [Self.question] + called.items + outputs).body
    let parts: JSONValue = [
      ["text": "I look.", "thought": true], ["text": "Here:"],
      [
        "functionCall": [
          "name": "submit_patch", "args": ["patch": "--- a/x\n", "description": "Ändern"], "id": "fc-9",
        ], "thoughtSignature": "CiQB0e2KbA==",
      ], ["functionCall": ["name": "now", "args": [:]]], ["text": "", "thoughtSignature": "CgYBAA=="],
    ]
    #expect(gemini["contents"]?.array?[1]["parts"] == parts)
    let responses: JSONValue = [
      ["functionResponse": ["name": "submit_patch", "response": ["output": "ok"], "id": "fc-9"]],
      ["functionResponse": ["name": "now", "response": ["output": "ok"]]],
    ]
    #expect(gemini["contents"]?.array?[2]["parts"] == responses)
  }

  @Test(arguments: ["anthropic/thinking-and-call", "gemini/thoughts-and-call", "openai/reasoning-and-call"])
  func `hand a conversation over to another provider without what only the first one understands`(
    name: String
  ) async throws {
    let streams = [
      ProviderName.openAI: "openai/words", .anthropic: "anthropic/words", .gemini: "gemini/words",
    ]
    let first = try #require(ProviderName(rawValue: String(name.prefix { $0 != "/" })))
    let response = try await Self.body(first, name, [Self.question]).response
    let outputs: [JSONValue] = response.toolCalls.map {
      ["type": "function_call_output", "call_id": .string($0.callID), "output": "ok"]
    }
    for (second, stream) in streams where second != first {
      let body = try await Self.body(second, stream, [Self.question] + response.items + outputs).body
      let text = body.encodedText
      #expect(!text.contains("provider_data"))
      for word in ["EqQBCgIYAhIM", "EmwKAhgB", "CiQB0e2KbA==", "CgYBAA=="] { #expect(!text.contains(word)) }
      #expect(text.contains("submit_patch"))
    }
  }

  @Test(arguments: [
    ("claude-sonnet-4-5", ProviderName.anthropic), ("Claude-3", .anthropic), ("gemini-2.5-pro", .gemini),
    ("gpt-5", .openAI), ("o4-mini", .openAI), ("codex-mini-latest", .openAI), ("llama-3.3:70b", .openAI),
    ("anthropic/claude-sonnet-4-5", .openAI), ("claude", .openAI), ("", .openAI),
  ])
  func `go to the provider of the model's name`(model: String, provider: ProviderName) {
    #expect(ProviderName(model: model) == provider)
  }

  @Test func `say which key is missing`() async throws {
    let recorder = try Recorder("openai/words")
    let directory = ProviderDirectory(
      [.openAI: ProviderEndpoint(baseURL: "http://x", key: nil)], transport: recorder)
    let error = await #expect(throws: ModelError.self) {
      try await directory.respond(to: ModelRequest(model: "claude-x", instructions: "", input: [])) { _ in }
    }
    #expect(error?.code == .notConfigured)
    #expect(error?.message.contains("ANTHROPIC_API_KEY") == true)
    #expect(recorder.sent.isEmpty)
  }

  @Test func `name a model in the path as one segment`() async throws {
    let recorder = try Recorder("gemini/words")
    let directory = ProviderDirectory([.gemini: ProviderEndpoint(baseURL: "http://x", key: nil)], transport: recorder)
    let request = ModelRequest(model: "gemini-/../é:x?", instructions: "", input: [Self.question])
    _ = try await directory.respond(to: request) { _ in }
    #expect(recorder.sent.first?.url.hasPrefix("http://x/v1beta/models/gemini-%2F..%2F%C3%A9%3Ax%3F:stream") == true)
  }
}
