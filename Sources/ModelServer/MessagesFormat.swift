import HTTPTypes
import JSON
import Platform

/// Anthropic's Messages API.
struct MessagesFormat: WireFormat {
  private let answer: EmbeddedAnswer
  private let inputTokens: Int
  private let id = UUIDv7.make().filter { $0 != "-" }

  init(_ answer: EmbeddedAnswer, to request: JSONValue) {
    self.answer = answer
    inputTokens = EmbeddedAnswer.tokens(of: request)
  }

  static func question(of body: JSONValue) throws(WireFault) -> EmbeddedQuestion {
    guard body["model"]?.string != nil else { throw WireFault("model: Field required") }
    guard let limit = body["max_tokens"]?.integer else { throw WireFault("max_tokens: Field required") }
    guard limit > 0 else { throw WireFault("max_tokens: must be greater than or equal to 1") }
    var question = try counted(body)
    question.tools = (body["tools"]?.array ?? []).compactMap { tool in
      tool["name"]?.string.map { EmbeddedQuestion.Tool(name: $0, parameters: tool["input_schema"] ?? [:]) }
    }
    switch body["tool_choice"]?["type"]?.string {
    case "any": question.demand = .any
    case "tool": question.demand = .named(body["tool_choice"]?["name"]?.string ?? "")
    default: break
    }
    let format = body["output_config"]?["format"] ?? body["output_format"]
    if format?["type"]?.string == "json_schema" { question.schema = format?["schema"] ?? [:] }
    return question
  }

  /// What a body asks whose tokens are to be counted.
  static func counted(_ body: JSONValue) throws(WireFault) -> EmbeddedQuestion {
    guard let messages = body["messages"]?.array, !messages.isEmpty else {
      throw WireFault("messages: at least one message is required")
    }
    var items: [JSONValue] = []
    var open: Set<String> = []
    for (index, message) in messages.enumerated() {
      guard let role = message["role"]?.string, role == "user" || role == "assistant" else {
        throw WireFault("messages.\(index).role: must be 'user' or 'assistant'")
      }
      guard index > 0 || role == "user" else { throw WireFault("messages: the first message must be the user's") }
      let blocks: [JSONValue]
      if let text = message["content"]?.string {
        blocks = [["type": "text", "text": .string(text)]]
      } else {
        blocks = message["content"]?.array ?? []
      }
      guard !blocks.isEmpty else { throw WireFault("messages.\(index).content: must not be empty") }
      let results = blocks.compactMap { $0["tool_use_id"]?.string }
      guard open.isSubset(of: results) else {
        throw WireFault("messages.\(index): `tool_use` ids were found without `tool_result` blocks immediately after")
      }
      guard open.isSuperset(of: results) else {
        throw WireFault("messages.\(index): unexpected `tool_use_id` found in `tool_result` blocks")
      }
      open = Set(blocks.compactMap { $0["type"]?.string == "tool_use" ? $0["id"]?.string : nil })
      for block in blocks { items.append(try item(block, role: role, at: index)) }
    }
    guard open.isEmpty else {
      throw WireFault("messages: `tool_use` ids were found without `tool_result` blocks immediately after")
    }
    return EmbeddedQuestion(items: items)
  }

  /// A block as a Responses item.
  private static func item(_ block: JSONValue, role: String, at index: Int) throws(WireFault) -> JSONValue {
    switch block["type"]?.string {
    case "text":
      guard let text = block["text"]?.string, !text.isEmpty else {
        throw WireFault("messages.\(index): text content blocks must be non-empty")
      }
      return ["type": "message", "role": .string(role), "content": .string(text)]
    case "tool_use":
      return [
        "type": "function_call", "call_id": block["id"] ?? "", "name": block["name"] ?? "",
        "arguments": .string((block["input"] ?? [:]).encodedText),
      ]
    case "tool_result":
      return [
        "type": "function_call_output", "call_id": block["tool_use_id"] ?? "", "output": block["content"] ?? "",
      ]
    case nil: throw WireFault("messages.\(index).content: every block must have a type")
    default: return ["type": "reasoning", "summary": []]
    }
  }

  static func error(_ fault: WireFault) -> JSONValue {
    let type =
      switch fault.status.code {
      case 404: "not_found_error"
      case 413: "request_too_large"
      case 500...: "api_error"
      default: "invalid_request_error"
      }
    return [
      "type": "error", "error": ["type": .string(type), "message": .string(fault.message)],
      "request_id": .string("req_" + UUIDv7.make().filter { $0 != "-" }),
    ]
  }

  var whole: JSONValue { message(isDone: true) }

  private func message(isDone: Bool) -> JSONValue {
    [
      "id": .string("msg_\(id)"), "type": "message", "role": "assistant", "model": .string(EmbeddedAnswer.model),
      "content": isDone ? [block(isFilled: true)] : [], "stop_reason": isDone ? stopReason : nil,
      "stop_sequence": nil,
      "usage": [
        "input_tokens": .integer(inputTokens), "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
        "output_tokens": .integer(isDone ? answer.tokens : 1), "service_tier": "standard",
      ],
    ]
  }

  private var stopReason: JSONValue {
    switch answer {
    case .text: "end_turn"
    case .call: "tool_use"
    }
  }

  private func block(isFilled: Bool) -> JSONValue {
    switch answer {
    case .text(let text): return ["type": "text", "text": .string(isFilled ? text : "")]
    case .call(let name, let arguments):
      let input = isFilled ? (try? JSONParser.parse(arguments)) ?? [:] : [:]
      return ["type": "tool_use", "id": .string("toolu_\(id)"), "name": .string(name), "input": input]
    }
  }

  var events: [[UInt8]] {
    func encode(_ type: String, _ members: [(String, JSONValue)] = []) -> [UInt8] {
      let data = JSONValue.object(JSONObject([("type", .string(type))] + members))
      return Array("event: \(type)\ndata: \(data.encodedText)\n\n".utf8)
    }
    let deltas: [JSONValue] =
      switch answer {
      case .text(let text):
        EmbeddedAnswer.pieces(of: text, size: 12).map { ["type": "text_delta", "text": .string($0)] }
      case .call(_, let arguments):
        EmbeddedAnswer.pieces(of: arguments, size: 48).map {
          ["type": "input_json_delta", "partial_json": .string($0)]
        }
      }
    return [
      encode("message_start", [("message", message(isDone: false))]),
      encode("content_block_start", [("index", 0), ("content_block", block(isFilled: false))]), encode("ping"),
    ] + deltas.map { encode("content_block_delta", [("index", 0), ("delta", $0)]) } + [
      encode("content_block_stop", [("index", 0)]),
      encode(
        "message_delta",
        [
          ("delta", ["stop_reason": stopReason, "stop_sequence": nil]),
          ("usage", ["output_tokens": .integer(answer.tokens)]),
        ]), encode("message_stop"),
    ]
  }
}
