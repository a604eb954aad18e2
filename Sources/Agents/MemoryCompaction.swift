package import JSON

/// Shortens what an agent remembers when it no longer fits the model's window.
///
/// Old turns go first, step by step, until the memory is at half of what fits, so that this is not done again with every
/// message. What the person asked for stays word for word, and so does the last proposal, for as long as anything else
/// can give way. The same memory and room always give the same result.
///
///     attempts that were refused, reasoning -> long answers, old patches become a sentence -> all but the requests
package struct MemoryCompaction: Sendable {
  /// Beginning of what the loop says to the vibecoder in a person's place.
  static let retryPrefix = "The evaluator rejected your patch."

  private struct Turn {
    var items: Range<Int>
    var hasProposal = false
  }

  private var items: [JSONValue?]
  private let turns: [Turn]
  private var tokens: Int

  private init(_ items: [JSONValue]) {
    self.items = items
    tokens = Self.tokens(items)
    var turns: [Turn] = []
    for (index, item) in items.enumerated() {
      if Self.isRequest(item) || turns.isEmpty { turns.append(Turn(items: index..<index)) }
      turns[turns.count - 1].items = turns[turns.count - 1].items.lowerBound..<(index + 1)
      if item["type"]?.string == "function_call" { turns[turns.count - 1].hasProposal = true }
    }
    self.turns = turns
  }

  /// About how many tokens items take: three bytes each, which is less than models' tokens of code and prose have.
  package static func tokens(_ items: [JSONValue]) -> Int { items.reduce(0) { $0 + tokens($1) } }

  private static func tokens(_ item: JSONValue) -> Int { item.encodedBytes.count / 3 + 4 }

  /// What becomes of each item so that all fit into so many tokens: another item, the same, or nil when it is left out.
  package static func compact(_ items: [JSONValue], room: Int) -> [JSONValue?] {
    guard tokens(items) > room else { return items }
    var memory = MemoryCompaction(items)
    memory.shrink(to: room)
    return memory.items
  }

  private mutating func shrink(to room: Int) {
    let last = turns.lastIndex(where: \.hasProposal)
    let old = turns.indices.filter { $0 != last }
    let steps: [(goal: Int, turns: [Int], step: (inout MemoryCompaction, Turn) -> Void)] = [
      (room / 2, old, { $0.dropAttempts(of: $1) }), (room / 2, old, { $0.shorten($1) }),
      (room, Array(turns.indices), { $0.dropAttempts(of: $1) }), (room, old, { $0.keepRequest(of: $1) }),
      (room, Array(turns.indices), { $0.shorten($1) }), (room, Array(turns.indices), { $0.keepRequest(of: $1) }),
      (room, Array(turns.indices), { $0.cutRequest(of: $1, to: 500) }),
      (room, Array(turns.indices), { $0.drop($1.items) }),
    ]
    for (goal, turns, step) in steps {
      for turn in turns {
        guard tokens > goal else { break }
        step(&self, self.turns[turn])
      }
    }
  }

  /// Leaves out reasoning and all attempts but the last.
  private mutating func dropAttempts(of turn: Turn) {
    let calls = turn.items.filter { items[$0]?["type"]?.string == "function_call" }
    let kept = calls.last.flatMap { items[$0]?["call_id"]?.string }
    for index in turn.items {
      guard let item = items[index] else { continue }
      switch item["type"]?.string {
      case "reasoning": put(nil, at: index)
      case "function_call", "function_call_output":
        guard item["call_id"]?.string == kept else {
          put(nil, at: index)
          continue
        }
        // A call is asked for together with its reasoning by its id; without the id it stands alone.
        guard var object = item.object, object["type"]?.string == "function_call" else { continue }
        object["id"] = nil
        put(.object(object), at: index)
      default: if Self.isRetry(item) { put(nil, at: index) }
      }
    }
  }

  /// Tells of the last attempt in a sentence, and of long answers only the beginning.
  private mutating func shorten(_ turn: Turn) {
    dropAttempts(of: turn)
    for index in turn.items {
      guard let item = items[index] else { continue }
      switch item["type"]?.string {
      case "function_call":
        let arguments = item["arguments"]?.string.flatMap { try? JSONParser.parse($0) }
        let description = arguments?["description"]?.string ?? "a change"
        put(Self.note("[Shortened] I proposed a patch: \(description.prefix(300))"), at: index)
      case "function_call_output": put(nil, at: index)
      default:
        let text = Self.text(of: item)
        guard item["role"]?.string != "user", text.utf8.count > 300 else { continue }
        put(Self.note("[Shortened] \(text.prefix(300))…"), at: index)
      }
    }
  }

  /// Leaves out everything but what the person said.
  private mutating func keepRequest(of turn: Turn) {
    for index in turn.items {
      guard let item = items[index], !Self.isRequest(item) else { continue }
      put(nil, at: index)
    }
  }

  /// Leaves out the middle of what the person said.
  private mutating func cutRequest(of turn: Turn, to characters: Int) {
    for index in turn.items {
      guard let item = items[index], Self.isRequest(item) else { continue }
      let text = Self.text(of: item)
      guard text.count > characters else { continue }
      let cut = "\(text.prefix(characters / 2)) [Shortened] \(text.suffix(characters / 2))"
      put(["role": "user", "content": .string(cut)], at: index)
    }
  }

  private mutating func drop(_ range: Range<Int>) { for index in range { put(nil, at: index) } }

  private mutating func put(_ item: JSONValue?, at index: Int) {
    tokens += (item.map(Self.tokens) ?? 0) - (items[index].map(Self.tokens) ?? 0)
    items[index] = item
  }

  private static func note(_ text: String) -> JSONValue { ["role": "assistant", "content": .string(text)] }

  private static func isRequest(_ item: JSONValue) -> Bool { item["role"]?.string == "user" && !isRetry(item) }

  private static func isRetry(_ item: JSONValue) -> Bool {
    item["role"]?.string == "user" && text(of: item).hasPrefix(retryPrefix)
  }

  private static func text(of item: JSONValue) -> String {
    item["content"]?.string ?? (item["content"]?.array ?? []).compactMap { $0["text"]?.string }.joined(separator: "\n")
  }
}
