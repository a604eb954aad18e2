import JSON

/// Follows the stream of Anthropic's Messages API.
///
///     message_start -> (content_block_start -> content_block_delta ... -> content_block_stop) ... -> message_delta
///       -> message_stop                                                    ping and error at any time
package struct AnthropicStreamDecoder: StreamDecoder {
  /// A block of the answer while it comes.
  private struct Block {
    let start: JSONObject
    var text: String
    var json = ""
    var signature: String
    var isOpen = true

    var type: String { start["type"]?.string ?? "" }
  }

  private var message: JSONObject?
  private var blocks: [Int: Block] = [:]
  private var usage = JSONObject()
  private var isComplete = false

  /// A decoder at the start of a stream.
  package init() {}

  /// Takes one event.
  package mutating func receive(_ event: ServerSentEvent) throws(ModelError) -> [ModelEvent] {
    guard !isComplete else { return [] }
    let value = try Self.value(of: event)
    switch value["type"]?.string ?? event.name {
    case "message_start":
      guard message == nil, let started = value["message"]?.object else {
        throw Self.malformed("stream begins twice, or without a message")
      }
      message = started
      merge(started["usage"])
    case "content_block_start": return try start(value)
    case "content_block_delta": return try add(value)
    case "content_block_stop": return try stop(value)
    case "message_delta": try end(value)
    case "message_stop":
      guard let message, message["stop_reason"]?.string != nil, !blocks.values.contains(where: \.isOpen) else {
        throw Self.malformed("stream ends in the middle of its message")
      }
      isComplete = true
    case "error": throw Self.failure(value["error"] ?? value)
    default: break
    }
    return []
  }

  private mutating func start(_ value: JSONValue) throws(ModelError) -> [ModelEvent] {
    guard message != nil, let index = value["index"]?.integer, blocks[index] == nil,
      let start = value["content_block"]?.object
    else { throw Self.malformed("stream has a block out of place") }
    let text = start["text"]?.string ?? start["thinking"]?.string ?? ""
    let block = Block(start: start, text: text, signature: start["signature"]?.string ?? "")
    blocks[index] = block
    switch block.type {
    case "tool_use":
      guard let name = start["name"]?.string, !name.isEmpty, start["id"]?.string?.isEmpty == false else {
        throw Self.malformed("call has no name or no id")
      }
      return [.toolCallStarted(itemID: id(of: index), name: name)]
    case "text" where !text.isEmpty: return [.textDelta(itemID: id(of: index), text: text)]
    default: return []
    }
  }

  private mutating func add(_ value: JSONValue) throws(ModelError) -> [ModelEvent] {
    guard let index = value["index"]?.integer, blocks[index]?.isOpen == true, let delta = value["delta"] else {
      throw Self.malformed("stream adds to a block that is not open")
    }
    let itemID = id(of: index)
    switch delta["type"]?.string {
    case "text_delta":
      let text = delta["text"]?.string ?? ""
      blocks[index]?.text += text
      return [.textDelta(itemID: itemID, text: text)]
    case "thinking_delta":
      let text = delta["thinking"]?.string ?? ""
      blocks[index]?.text += text
      return text.isEmpty ? [] : [.reasoningDelta(itemID: itemID, text: text)]
    case "input_json_delta":
      let text = delta["partial_json"]?.string ?? ""
      blocks[index]?.json += text
      return text.isEmpty ? [] : [.argumentsDelta(itemID: itemID, text: text)]
    case "signature_delta": blocks[index]?.signature = delta["signature"]?.string ?? ""
    default: break
    }
    return []
  }

  private mutating func stop(_ value: JSONValue) throws(ModelError) -> [ModelEvent] {
    guard let index = value["index"]?.integer, blocks[index]?.isOpen == true else {
      throw Self.malformed("stream ends a block that is not open")
    }
    blocks[index]?.isOpen = false
    return item(index).map { [.itemCompleted($0)] } ?? []
  }

  private mutating func end(_ value: JSONValue) throws(ModelError) {
    guard message != nil else { throw Self.malformed("stream ends before it began") }
    for (name, value) in value["delta"]?.object?.members ?? [] { message?[name] = value }
    merge(value["usage"])
  }

  /// Counts are from the beginning of the stream; those that are not given again stay.
  private mutating func merge(_ counts: JSONValue?) {
    for (name, value) in counts?.object?.members ?? [] where !value.isNull { usage[name] = value }
  }

  /// The error of an `error` event.
  private static func failure(_ error: JSONValue) -> ModelError {
    let reason = error["message"]?.string ?? "no reason was given"
    if let error = StreamingClient.contextTooLong(reason, code: nil) { return error }
    let passing = ["overloaded_error", "api_error", "rate_limit_error", "timeout_error"]
    let isRetryable = passing.contains(error["type"]?.string ?? "")
    return ModelError(.failed, "the model failed: \(reason.prefix(500))", isRetryable: isRetryable)
  }

  /// The answer, at the end of the stream.
  package func answer(latency: Duration) throws(ModelError) -> ModelResponse {
    guard isComplete, var message else { throw Self.cutOff }
    let details = message["stop_details"]
    switch message["stop_reason"]?.string {
    case "refusal":
      let reason = details?["explanation"]?.string ?? details?["category"]?.string ?? "no reason was given"
      throw ModelError(.declined, "the model declined to answer: \(reason.prefix(500))", isRetryable: false)
    case "model_context_window_exceeded":
      throw ModelError(
        .contextTooLong, "the conversation has filled what the model can read: begin a new session, or ask about less",
        isRetryable: false)
    case "max_tokens": throw Self.stopped("max_tokens, it may write no more")
    case "pause_turn": throw Self.stopped("pause_turn")
    default: break
    }
    let order = blocks.keys.sorted()
    message["content"] = .array(order.map(block))
    message["usage"] = .object(usage)
    return ModelResponse(
      id: message["id"]?.string ?? "", model: message["model"]?.string ?? "", items: order.compactMap(item),
      usage: .anthropic(.object(usage)), raw: JSONValue.object(message).encodedText, latency: latency)
  }

  /// The id of an item, in the form that OpenAI gives to its kind.
  private func id(of index: Int) -> String {
    let kinds = ["tool_use": "fc", "thinking": "rs", "redacted_thinking": "rs"]
    let id = message?["id"]?.string ?? ""
    return
      "\(kinds[blocks[index]?.type ?? ""] ?? "msg")_\(id.hasPrefix("msg_") ? String(id.dropFirst(4)) : id)_\(index)"
  }

  /// A block as an item, or nil when it has nothing that the conversation needs.
  private func item(_ index: Int) -> JSONValue? {
    guard let block = blocks[index] else { return nil }
    switch block.type {
    case "text":
      return block.text.isEmpty ? nil : Conversation.message(id: id(of: index), text: block.text, of: .anthropic)
    case "thinking", "redacted_thinking":
      return Conversation.reasoning(id: id(of: index), text: block.text, data: self.block(index), of: .anthropic)
    case "tool_use":
      return Conversation.call(
        id: id(of: index), callID: block.start["id"]?.string ?? "", name: block.start["name"]?.string ?? "",
        arguments: arguments(block), of: .anthropic)
    default: return nil
    }
  }

  private func arguments(_ block: Block) -> String {
    block.json.isEmpty ? (block.start["input"] ?? [:]).encodedText : block.json
  }

  /// A block as the API has it.
  private func block(_ index: Int) -> JSONValue {
    guard let block = blocks[index] else { return nil }
    var whole = block.start
    switch block.type {
    case "text": whole["text"] = .string(block.text)
    case "thinking":
      whole["thinking"] = .string(block.text)
      whole["signature"] = .string(block.signature)
    case "tool_use":
      let text = arguments(block)
      whole["input"] = (try? JSONParser.parse(text)) ?? .string(text)
    default: break
    }
    return .object(whole)
  }
}
