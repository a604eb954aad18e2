package import JSON

/// A conversation in the neutral form, which is Responses input items, seen as turns of the user and the model: the form
/// that Anthropic and Gemini want.
///
/// What only one provider understands stands in an item's `provider_data`, by the name of the provider; the others leave
/// it out, so that a conversation goes on when another model takes it over.
package struct Conversation: Sendable {
  /// Neighbouring items of one side.
  struct Turn: Sendable {
    let isModel: Bool
    var items: [JSONValue]
  }

  /// The member of items that is for one provider.
  static let dataMember = "provider_data"

  /// The turns, without calls that have no output and outputs that have no call: no provider takes those.
  let turns: [Turn]
  /// The texts of the system's and the developer's messages.
  let instructions: [String]
  /// The calls of functions by their ids.
  let calls: [String: JSONValue]

  /// The turns of these items.
  init(_ items: [JSONValue]) {
    var calls: [String: JSONValue] = [:]
    var answered: Set<String> = []
    for item in items {
      guard let id = item["call_id"]?.string else { continue }
      if item["type"]?.string == "function_call" { calls[id] = item }
      if item["type"]?.string == "function_call_output" { answered.insert(id) }
    }
    var turns: [Turn] = []
    var instructions: [String] = []
    for item in items {
      let isModel: Bool
      switch item["type"]?.string ?? "message" {
      case "function_call":
        guard answered.contains(item["call_id"]?.string ?? "") else { continue }
        isModel = true
      case "function_call_output":
        guard calls[item["call_id"]?.string ?? ""] != nil else { continue }
        isModel = false
      case "reasoning": isModel = true
      case "message":
        let role = item["role"]?.string
        if role == "system" || role == "developer" {
          instructions.append(Self.text(of: item))
          continue
        }
        isModel = role == "assistant"
      default: continue
      }
      if turns.last?.isModel == isModel {
        turns[turns.count - 1].items.append(item)
      } else {
        turns.append(Turn(isModel: isModel, items: [item]))
      }
    }
    self.turns = turns
    self.instructions = instructions
    self.calls = calls
  }

  /// The words of a message, or of a function's output.
  package static func text(of item: JSONValue) -> String {
    guard let content = item["content"] ?? item["output"] else { return "" }
    return content.string
      ?? (content.array ?? []).compactMap { $0["text"]?.string ?? $0["refusal"]?.string }.joined(separator: "\n")
  }

  /// The arguments of a call as an object; those that are none under a name that says so.
  static func arguments(of item: JSONValue) -> JSONValue {
    let text = item["arguments"]?.string ?? ""
    guard !text.allSatisfy(\.isWhitespace) else { return [:] }
    // The model was told that it wrote no JSON; here it is only shown again what it wrote.
    guard let value = try? JSONParser.parse(text), value.object != nil else { return ["unparsed": .string(text)] }
    return value
  }

  /// What a provider keeps in an item.
  static func data(of item: JSONValue, for provider: ProviderName) -> JSONValue? {
    item[dataMember]?[provider.rawValue]
  }

  /// An item with what a provider keeps in it.
  static func item(_ members: [(String, JSONValue)], data: JSONValue?, of provider: ProviderName) -> JSONValue {
    let kept = data.map { [(dataMember, JSONValue.object(JSONObject([(provider.rawValue, $0)])))] } ?? []
    return .object(JSONObject(members + kept))
  }

  /// A message of the model.
  static func message(id: String, text: String, data: JSONValue? = nil, of provider: ProviderName) -> JSONValue {
    let content: JSONValue = [["type": "output_text", "text": .string(text), "annotations": []]]
    return item(
      [
        ("type", "message"), ("id", .string(id)), ("role", "assistant"), ("status", "completed"), ("content", content),
      ], data: data, of: provider)
  }

  /// A call of a function.
  static func call(
    id: String, callID: String, name: String, arguments: String, data: JSONValue? = nil, of provider: ProviderName
  ) -> JSONValue {
    item(
      [
        ("type", "function_call"), ("id", .string(id)), ("call_id", .string(callID)), ("name", .string(name)),
        ("arguments", .string(arguments)), ("status", "completed"),
      ], data: data, of: provider)
  }

  /// A step of the model's reasoning.
  static func reasoning(id: String, text: String, data: JSONValue, of provider: ProviderName) -> JSONValue {
    let summary: JSONValue = text.isEmpty ? [] : [["type": "summary_text", "text": .string(text)]]
    return item([("type", "reasoning"), ("id", .string(id)), ("summary", summary)], data: data, of: provider)
  }
}
