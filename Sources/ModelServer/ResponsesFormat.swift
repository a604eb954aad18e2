import HTTPTypes
import JSON
import Platform

/// OpenAI's Responses API.
struct ResponsesFormat: WireFormat {
  private let answer: EmbeddedAnswer
  private let request: JSONValue
  private let id = UUIDv7.make().filter { $0 != "-" }
  private let created = Timestamp.now.microseconds / 1_000_000

  init(_ answer: EmbeddedAnswer, to request: JSONValue) {
    self.answer = answer
    self.request = request
  }

  static func question(of body: JSONValue) throws(WireFault) -> EmbeddedQuestion {
    guard body["model"]?.string != nil else { throw WireFault("the body must name a model") }
    guard let input = body["input"], input.string != nil || input.array != nil else {
      throw WireFault("the body must have an input, a text or a list of items")
    }
    var question = EmbeddedQuestion(items: input.array ?? [["role": "user", "content": input]])
    question.tools = (body["tools"]?.array ?? []).compactMap { tool in
      tool["name"]?.string.map { EmbeddedQuestion.Tool(name: $0, parameters: tool["parameters"] ?? [:]) }
    }
    if let name = body["tool_choice"]?["name"]?.string {
      question.demand = .named(name)
    } else if body["tool_choice"]?.string == "required" {
      question.demand = .any
    }
    let format = body["text"]?["format"]
    if format?["type"]?.string == "json_schema" { question.schema = format?["schema"] ?? [:] }
    return question
  }

  static func error(_ fault: WireFault) -> JSONValue {
    let type = fault.status.code >= 500 ? "server_error" : "invalid_request_error"
    return ["error": ["message": .string(fault.message), "type": .string(type), "param": nil, "code": nil]]
  }

  var whole: JSONValue { response(status: "completed") }

  /// The `response` object.
  private func response(status: String) -> JSONValue {
    let isDone = status == "completed"
    let inputTokens = EmbeddedAnswer.tokens(of: request)
    let outputTokens = answer.tokens
    let usage: JSONValue = [
      "input_tokens": .integer(inputTokens), "input_tokens_details": ["cached_tokens": 0, "cache_write_tokens": 0],
      "output_tokens": .integer(outputTokens), "output_tokens_details": ["reasoning_tokens": 0],
      "total_tokens": .integer(inputTokens + outputTokens),
    ]
    return [
      "id": .string("resp_\(id)"), "object": "response", "created_at": .integer(created), "status": .string(status),
      "error": nil, "incomplete_details": nil, "instructions": request["instructions"] ?? nil,
      "max_output_tokens": request["max_output_tokens"] ?? nil, "model": .string(EmbeddedAnswer.model),
      "output": isDone ? [item(status: "completed", isFilled: true)] : [], "parallel_tool_calls": false,
      "previous_response_id": nil, "reasoning": ["effort": nil, "summary": nil], "store": false, "temperature": 1.0,
      "text": request["text"] ?? ["format": ["type": "text"]], "tool_choice": request["tool_choice"] ?? "auto",
      "tools": request["tools"] ?? [], "top_p": 1.0, "truncation": "disabled", "usage": isDone ? usage : nil,
      "user": nil, "metadata": request["metadata"] ?? [:],
    ]
  }

  /// The events of the stream in order, each encoded as `event:` and `data:` lines.
  var events: [[UInt8]] {
    var sequence = 0
    func encode(_ type: String, _ members: [(String, JSONValue)]) -> [UInt8] {
      defer { sequence += 1 }
      let data = JSONValue.object(
        JSONObject([("type", .string(type)), ("sequence_number", .integer(sequence))] + members))
      return Array("event: \(type)\ndata: \(data.encodedText)\n\n".utf8)
    }
    var events = [
      encode("response.created", [("response", response(status: "in_progress"))]),
      encode("response.in_progress", [("response", response(status: "in_progress"))]),
      encode(
        "response.output_item.added", [("output_index", 0), ("item", item(status: "in_progress", isFilled: false))]),
    ]
    for (type, members) in contentEvents { events.append(encode(type, members)) }
    events.append(
      encode("response.output_item.done", [("output_index", 0), ("item", item(status: "completed", isFilled: true))]))
    events.append(encode("response.completed", [("response", response(status: "completed"))]))
    return events
  }

  private var itemID: String {
    switch answer {
    case .text: "msg_\(id)"
    case .call: "fc_\(id)"
    }
  }

  private func part(_ text: String) -> JSONValue {
    ["type": "output_text", "text": .string(text), "annotations": [], "logprobs": []]
  }

  private func item(status: String, isFilled: Bool) -> JSONValue {
    switch answer {
    case .text(let text):
      [
        "id": .string(itemID), "type": "message", "status": .string(status), "role": "assistant",
        "content": isFilled ? [part(text)] : [],
      ]
    case .call(let name, let arguments):
      [
        "id": .string(itemID), "type": "function_call", "status": .string(status), "name": .string(name),
        "call_id": .string("call_\(id)"), "arguments": .string(isFilled ? arguments : ""),
      ]
    }
  }

  /// What lies between the beginning and the end of the item.
  private var contentEvents: [(String, [(String, JSONValue)])] {
    let place: [(String, JSONValue)] = [("item_id", .string(itemID)), ("output_index", 0)]
    switch answer {
    case .text(let text):
      let content = place + [("content_index", 0)]
      var events: [(String, [(String, JSONValue)])] = [("response.content_part.added", content + [("part", part(""))])]
      for piece in EmbeddedAnswer.pieces(of: text, size: 12) {
        events.append(("response.output_text.delta", content + [("delta", .string(piece)), ("logprobs", [])]))
      }
      events.append(("response.output_text.done", content + [("text", .string(text)), ("logprobs", [])]))
      events.append(("response.content_part.done", content + [("part", part(text))]))
      return events
    case .call(let name, let arguments):
      var events = EmbeddedAnswer.pieces(of: arguments, size: 48).map { piece in
        ("response.function_call_arguments.delta", place + [("delta", JSONValue.string(piece))])
      }
      events.append(
        ("response.function_call_arguments.done", place + [("name", .string(name)), ("arguments", .string(arguments))]))
      return events
    }
  }
}
