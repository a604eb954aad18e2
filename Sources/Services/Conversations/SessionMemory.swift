import Agents
import EventLog
import JSON
import Platform
import Store

/// What the agents of a session remember, made to fit their models' windows when it is read.
struct SessionMemory: Sendable {
  let disk: DiskThread
  let journal: Journal
  let file: ConversationFile
  let sessionID: String
  let topics: [String]

  /// The items of a key, as many as fit into so many tokens; what is shortened is so in the file from then on.
  func items(_ key: String, room: Int) async throws -> [JSONValue] {
    let before = try await read(key)
    guard MemoryCompaction.tokens(before) > room else { return before }
    try await disk.run { [file] in
      try file.rewrite(session: key) { texts in
        // An item that is no JSON was written by nobody we know: it is left, and not sent.
        let values = texts.map { try? JSONParser.parse($0) }
        var compact = MemoryCompaction.compact(values.compactMap(\.self), room: room)[...]
        return zip(texts, values).map { text, value in
          guard let value, let new = compact.popFirst() else { return text }
          return new == value ? text : new?.encodedText
        }
      }
    }
    let after = try await read(key)
    await journal.post(
      NewEvent(
        "memory.compacted", topics: topics,
        data: [
          "session_id": .string(sessionID), "key": .string(key), "items_before": .integer(before.count),
          "items_after": .integer(after.count), "tokens_before": .integer(MemoryCompaction.tokens(before)),
          "tokens_after": .integer(MemoryCompaction.tokens(after)),
        ]))
    return after
  }

  private func read(_ key: String) async throws -> [JSONValue] {
    try await disk.run { [file] in try file.items(session: key) }.compactMap { try? JSONParser.parse($0) }
  }
}
