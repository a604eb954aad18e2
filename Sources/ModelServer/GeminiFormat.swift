import HTTPTypes
import JSON
import Platform

/// The Gemini API.
struct GeminiFormat: WireFormat {
  private let answer: EmbeddedAnswer
  private let inputTokens: Int
  private let id = UUIDv7.make().filter { $0 != "-" }

  init(_ answer: EmbeddedAnswer, to request: JSONValue) {
    self.answer = answer
    inputTokens = EmbeddedAnswer.tokens(of: request)
  }

  static func question(of body: JSONValue) throws(WireFault) -> EmbeddedQuestion {
    guard let contents = body["contents"]?.array, !contents.isEmpty else {
      throw WireFault("* GenerateContentRequest.contents: contents is not specified")
    }
    var items: [JSONValue] = []
    for (index, content) in contents.enumerated() {
      let role = content["role"]?.string ?? "user"
      guard role == "user" || role == "model" else {
        throw WireFault("Please use a valid role: user, model. (contents[\(index)])")
      }
      guard let parts = content["parts"]?.array, !parts.isEmpty else {
        throw WireFault("* GenerateContentRequest.contents[\(index)].parts: contents.parts must not be empty.")
      }
      items += parts.map { item($0, role: role == "model" ? "assistant" : "user") }
    }
    var question = EmbeddedQuestion(items: items)
    let functions = (body["tools"]?.array ?? []).flatMap { $0.field("functionDeclarations")?.array ?? [] }
    question.tools = functions.compactMap { tool in
      let parameters = tool.field("parametersJsonSchema") ?? tool["parameters"] ?? [:]
      return tool["name"]?.string.map { EmbeddedQuestion.Tool(name: $0, parameters: parameters) }
    }
    let calling = body.field("toolConfig")?.field("functionCallingConfig")
    if calling?["mode"]?.string == "ANY" {
      let name = calling?.field("allowedFunctionNames")?.array?.first?.string
      question.demand = name.map { .named($0) } ?? .any
    }
    let configuration = body.field("generationConfig")
    if configuration?.field("responseMimeType")?.string == "application/json" {
      question.schema = configuration?.field("responseJsonSchema") ?? configuration?.field("responseSchema") ?? [:]
    }
    return question
  }

  /// A part as a Responses item; a call without an id is known by its name.
  private static func item(_ part: JSONValue, role: String) -> JSONValue {
    if let call = part.field("functionCall") {
      return [
        "type": "function_call", "call_id": call["id"] ?? call["name"] ?? "", "name": call["name"] ?? "",
        "arguments": .string((call["args"] ?? [:]).encodedText),
      ]
    }
    if let response = part.field("functionResponse") {
      return [
        "type": "function_call_output", "call_id": response["id"] ?? response["name"] ?? "",
        "output": .string((response["response"] ?? [:]).encodedText),
      ]
    }
    guard part["thought"]?.bool != true else { return ["type": "reasoning", "summary": []] }
    return ["type": "message", "role": .string(role), "content": part["text"] ?? ""]
  }

  static func error(_ fault: WireFault) -> JSONValue {
    let status =
      switch fault.status.code {
      case 404: "NOT_FOUND"
      case 500...: "INTERNAL"
      default: "INVALID_ARGUMENT"
      }
    return [
      "error": [
        "code": .integer(fault.status.code), "message": .string(fault.message), "status": .string(status),
      ]
    ]
  }

  var whole: JSONValue { chunk([part], isLast: true) }

  private var part: JSONValue {
    switch answer {
    case .text(let text): return ["text": .string(text)]
    case .call(let name, let arguments):
      let value = (try? JSONParser.parse(arguments)) ?? [:]
      return ["functionCall": ["id": .string("fc_\(id)"), "name": .string(name), "args": value]]
    }
  }

  private func chunk(_ parts: [JSONValue], isLast: Bool) -> JSONValue {
    let content: JSONValue = ["role": "model", "parts": .array(parts)]
    var candidate = JSONObject([("content", content), ("index", 0)])
    var usage = JSONObject([("promptTokenCount", .integer(inputTokens))])
    if isLast {
      candidate["finishReason"] = "STOP"
      usage["candidatesTokenCount"] = .integer(answer.tokens)
    }
    usage["totalTokenCount"] = .integer(inputTokens + (isLast ? answer.tokens : 0))
    return [
      "candidates": [.object(candidate)], "usageMetadata": .object(usage),
      "modelVersion": .string(EmbeddedAnswer.model), "responseId": .string(id),
    ]
  }

  var events: [[UInt8]] {
    let parts: [JSONValue] =
      switch answer {
      case .text(let text): EmbeddedAnswer.pieces(of: text, size: 24).map { ["text": .string($0)] }
      case .call: [part]
      }
    return parts.enumerated().map { index, part in
      Array("data: \(chunk([part], isLast: index == parts.count - 1).encodedText)\r\n\r\n".utf8)
    }
  }
}

extension JSONValue {
  /// A member by its name, which the API also takes in words with underscores.
  fileprivate func field(_ name: String) -> JSONValue? {
    self[name] ?? self[name.replacing(/[A-Z]/) { "_" + $0.0.lowercased() }]
  }
}
