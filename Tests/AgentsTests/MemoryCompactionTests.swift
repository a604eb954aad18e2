import Agents
import JSON
import Testing

@Suite struct `Memory compaction` {
  private static func user(_ text: String) -> JSONValue { ["role": "user", "content": .string(text)] }

  /// A turn with so many attempts, each of about `bytes` bytes.
  private static func turn(_ number: Int, attempts: Int = 2, bytes: Int = 600) -> [JSONValue] {
    var items = [user("Request \(number)")]
    for attempt in 0..<attempts {
      let (id, patch) = ("\(number)-\(attempt)", String(repeating: "p", count: bytes))
      let arguments: JSONValue = ["patch": .string(patch), "description": .string("Change \(id)")]
      items += [
        ["type": "reasoning", "id": .string("rs_\(id)"), "summary": []],
        [
          "type": "function_call", "id": .string("fc_\(id)"), "call_id": .string(id), "name": "submit_patch",
          "arguments": .string(arguments.encodedText),
        ], ["type": "function_call_output", "call_id": .string(id), "output": "{}"],
      ]
    }
    return items
  }

  private static let memory = (0..<12).flatMap { turn($0) }

  private static func requests(_ items: [JSONValue]) -> [String] {
    items.filter { $0["role"]?.string == "user" }.compactMap { $0["content"]?.string }
  }

  @Test(arguments: [200, 400, 800, 1600, 3200, 6400])
  func `fits, keeps every request, and pairs each call with its output`(room: Int) {
    let items = MemoryCompaction.compact(Self.memory, room: room).compactMap(\.self)
    let tokens = MemoryCompaction.tokens(items)
    #expect(tokens <= room)
    #expect(Self.requests(items) == (0..<12).map { "Request \($0)" })
    let calls = items.filter { $0["type"]?.string == "function_call" }.compactMap { $0["call_id"]?.string }
    let outputs = items.filter { $0["type"]?.string == "function_call_output" }.compactMap { $0["call_id"]?.string }
    #expect(calls == outputs)
    for (index, item) in items.enumerated() where item["type"]?.string == "function_call" && item["id"] != nil {
      let before = items[index - 1]["type"]?.string
      #expect(before == "reasoning", "a call with an id stands behind its reasoning")
    }
  }

  @Test(arguments: [800, 1600, 3200])
  func `keeps the last proposal as it was`(room: Int) {
    let items = MemoryCompaction.compact(Self.memory, room: room).compactMap(\.self)
    let last = items.last { $0["type"]?.string == "function_call" }
    #expect(last?["call_id"]?.string == "11-1")
    #expect(last?["arguments"]?.string?.utf8.count ?? 0 > 600)
  }

  @Test func `changes nothing that fits`() {
    let items = MemoryCompaction.compact(Self.memory, room: MemoryCompaction.tokens(Self.memory))
    #expect(items == Self.memory)
  }

  @Test(arguments: [200, 800, 3200])
  func `is the same each time, and done once`(room: Int) {
    let once = MemoryCompaction.compact(Self.memory, room: room)
    let again = MemoryCompaction.compact(Self.memory, room: room)
    #expect(once == again)
    let items = once.compactMap(\.self)
    let twice = MemoryCompaction.compact(items, room: room)
    #expect(twice == items)
  }

  @Test(arguments: [0, 1, 10, 50])
  func `lets even requests go when nothing else is left`(room: Int) {
    let long = (0..<20).map { Self.user("\($0) " + String(repeating: "word ", count: 500)) }
    let items = MemoryCompaction.compact(long, room: room).compactMap(\.self)
    #expect(MemoryCompaction.tokens(items) <= room)
  }

  @Test func `takes whatever somebody else has written`() {
    let strange: [JSONValue] = [
      .null, 5, [], ["type": "function_call"], ["type": "function_call_output"], ["role": "user"], ["role": 7],
      ["role": "user", "content": [["type": "input_text", "text": "Hello"]]], ["type": "mystery", "content": 9],
      ["role": "assistant", "content": .string(String(repeating: "long ", count: 500))],
    ]
    for room in [0, 10, 100, 300] {
      let items = MemoryCompaction.compact(strange, room: room).compactMap(\.self)
      #expect(MemoryCompaction.tokens(items) <= room)
    }
  }
}
