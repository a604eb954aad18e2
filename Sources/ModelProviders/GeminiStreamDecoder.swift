import JSON
import Platform

/// Follows the stream of the Gemini API.
///
/// It is chunks of one shape, each a part of the response, until one says why the model finished. There is no mark of
/// the end.
package struct GeminiStreamDecoder: StreamDecoder {
  /// A part of the answer.
  private struct Part {
    let members: JSONObject
    /// The words, to which more are added.
    var text: String

    init(_ members: JSONObject) {
      self.members = members
      text = members["text"]?.string ?? ""
    }

    /// Neither signed nor anything but words, so that words of the same kind may be added.
    var isOpen: Bool { members["text"] != nil && members["thoughtSignature"] == nil }
    var isThought: Bool { members["thought"]?.bool == true }

    /// The part as the API has it.
    var json: JSONValue {
      var whole = members
      if members["text"] != nil { whole["text"] = .string(text) }
      return .object(whole)
    }
  }

  private let model: String
  private var id: String?
  private var version: JSONValue?
  private var usage: JSONValue?
  private var parts: [Part] = []
  /// How many of the parts have been told as items.
  private var told = 0
  private var finish: String?
  private var finishMessage: String?
  private var block: JSONValue?

  /// A decoder of the stream of a model, whose name stands in when the stream tells none.
  package init(model: String) { self.model = model }

  /// Takes one event.
  package mutating func receive(_ event: ServerSentEvent) throws(ModelError) -> [ModelEvent] {
    let value = try Self.value(of: event)
    guard value.object != nil else { throw Self.malformed("stream has a chunk that is no object") }
    if let error = value["error"] { throw Self.failure(error) }
    if id == nil { id = value["responseId"]?.string ?? UUIDv7.make().filter { $0 != "-" } }
    version = value["modelVersion"] ?? version
    usage = value["usageMetadata"] ?? usage
    if let feedback = value["promptFeedback"], feedback["blockReason"]?.string != nil { block = feedback }
    guard let candidate = value["candidates"]?.array?.first else { return [] }
    var events: [ModelEvent] = []
    for part in candidate["content"]?["parts"]?.array ?? [] { events += try add(part) }
    if let reason = candidate["finishReason"]?.string {
      finish = reason
      finishMessage = candidate["finishMessage"]?.string
      events += tell(upTo: parts.count)
    }
    return events
  }

  private mutating func add(_ value: JSONValue) throws(ModelError) -> [ModelEvent] {
    guard let members = value.object else { throw Self.malformed("stream has a part that is no object") }
    let part = Part(members)
    var events: [ModelEvent] = []
    if let call = members["functionCall"] {
      guard call["name"]?.string?.isEmpty == false else { throw Self.malformed("call has no name") }
      parts.append(part)
      events = tell(upTo: parts.count - 1)
      let itemID = itemID(parts.count - 1)
      events.append(.toolCallStarted(itemID: itemID, name: call["name"]?.string ?? ""))
      events.append(.argumentsDelta(itemID: itemID, text: Self.arguments(of: call)))
      return events + tell(upTo: parts.count)
    }
    guard let text = members["text"]?.string else { return [] }
    let isMore = parts.last.map { $0.isOpen && $0.isThought == part.isThought } ?? false
    if isMore, part.isOpen, told < parts.count {
      parts[parts.count - 1].text += text
    } else {
      guard !text.isEmpty || !part.isOpen else { return [] }
      parts.append(part)
      events = tell(upTo: parts.count - 1)
    }
    guard !text.isEmpty else { return events }
    let itemID = itemID(parts.count - 1)
    return events + [
      part.isThought ? .reasoningDelta(itemID: itemID, text: text) : .textDelta(itemID: itemID, text: text)
    ]
  }

  /// The parts that are complete, as items.
  private mutating func tell(upTo end: Int) -> [ModelEvent] {
    guard told < end else { return [] }
    defer { told = end }
    return (told..<end).map { .itemCompleted(item($0)) }
  }

  /// The answer, at the end of the stream.
  package func answer(latency: Duration) throws(ModelError) -> ModelResponse {
    if let reason = block?["blockReason"]?.string {
      let message = block?["blockReasonMessage"]?.string.map { ": " + $0 } ?? ""
      throw ModelError(
        .declined, "the model provider blocked the request (\(reason))\(message.prefix(500))", isRetryable: false)
    }
    guard let finish else { throw Self.cutOff }
    if let error = Self.failure(finish: finish, message: finishMessage) { throw error }
    let candidate: JSONValue = [
      "content": ["role": "model", "parts": .array(parts.map(\.json))], "finishReason": .string(finish),
    ]
    let response: JSONValue = [
      "candidates": [candidate], "usageMetadata": usage ?? nil, "modelVersion": version ?? nil,
      "responseId": JSONValue(id),
    ]
    return ModelResponse(
      id: id ?? "", model: version?.string ?? model, items: parts.indices.map(item), usage: .gemini(usage),
      raw: response.encodedText, latency: latency)
  }

  /// The error of a reason to finish, or nil for one that is none.
  private static func failure(finish: String, message: String?) -> ModelError? {
    let reason = finish + (message.map { ": \($0.prefix(500))" } ?? "")
    switch finish {
    case "STOP": return nil
    case "MAX_TOKENS": return stopped(reason + ", it may write no more")
    // What the model writes once and not the next time.
    case "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE", "OTHER":
      return stopped(reason, isRetryable: true)
    case "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR", "ESCALATION":
      return ModelError(.declined, "the model declined to answer: \(reason)", isRetryable: false)
    default: return stopped(reason)
    }
  }

  /// The error of a chunk that is none.
  private static func failure(_ error: JSONValue) -> ModelError {
    let reason = error["message"]?.string ?? "no reason was given"
    if let error = StreamingClient.contextTooLong(reason, code: nil) { return error }
    let code = error["code"]?.integer ?? 0
    let isRetryable = [408, 409, 429].contains(code) || code >= 500
    return ModelError(.failed, "the model failed: \(reason.prefix(500))", isRetryable: isRetryable)
  }

  private func itemID(_ index: Int) -> String {
    let members = parts[index].members
    let kind = members["functionCall"] != nil ? "fc" : parts[index].isThought ? "rs" : "msg"
    return "\(kind)_\(id ?? "")_\(index)"
  }

  private static func arguments(of call: JSONValue) -> String { (call["args"] ?? [:]).encodedText }

  /// A part as an item, with what has to go back to the API unchanged.
  private func item(_ index: Int) -> JSONValue {
    let part = parts[index]
    var data = JSONObject()
    data["thoughtSignature"] = part.members["thoughtSignature"]
    if let call = part.members["functionCall"] {
      data["id"] = call["id"]
      return Conversation.call(
        id: itemID(index), callID: call["id"]?.string ?? "call_\(id ?? "")_\(index)",
        name: call["name"]?.string ?? "", arguments: Self.arguments(of: call), data: Self.kept(data), of: .gemini)
    }
    data["thought"] = part.isThought ? true : nil
    // A signature without words is no message, but must go back as well.
    guard !part.isThought, !part.text.isEmpty else {
      return Conversation.reasoning(id: itemID(index), text: part.text, data: .object(data), of: .gemini)
    }
    return Conversation.message(id: itemID(index), text: part.text, data: Self.kept(data), of: .gemini)
  }

  private static func kept(_ data: JSONObject) -> JSONValue? { data.members.isEmpty ? nil : .object(data) }
}
