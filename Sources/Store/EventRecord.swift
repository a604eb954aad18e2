package import GRDB

/// An event as the log holds it.
package struct EventRecord: Sendable, Hashable {
  /// Its number, which only grows.
  package let seq: Int
  /// Its name.
  package let event: String
  /// What it says, JSON.
  package let data: String
  /// When it was appended, RFC 3339.
  package let at: String

  /// An event of that number.
  package init(seq: Int, event: String, data: String, at: String) {
    self.seq = seq
    self.event = event
    self.data = data
    self.at = at
  }
}

/// The numbers that the log holds.
package struct EventRange: Sendable, Hashable {
  /// The number before the oldest event that is held: the lowest cursor that misses nothing.
  package let floor: Int
  /// The number of the newest event, or `floor` when there is none.
  package let last: Int

  /// The numbers after `floor` up to `last`.
  package init(floor: Int, last: Int) {
    self.floor = floor
    self.last = last
  }
}

extension Database {
  /// Appends an event under its topics and gives it the next number.
  package func appendEvent(topics: [String], event: String, data: String, at: String) throws -> Int {
    let insert = try cachedStatement(sql: "INSERT INTO events (event, data, at) VALUES (?, ?, ?)")
    try insert.execute(arguments: [event, data, at])
    let seq = Int(lastInsertedRowID)
    let index = try cachedStatement(sql: "INSERT INTO event_topics (topic, seq) VALUES (?, ?)")
    for topic in topics { try index.execute(arguments: [topic, seq]) }
    return seq
  }

  /// The events of a topic after a number and up to another, oldest first, at most `limit`.
  package func events(topic: String, after: Int, through: Int, limit: Int) throws -> [EventRecord] {
    let rows = try Row.fetchAll(
      self,
      sql: """
        SELECT e.seq, e.event, e.data, e.at FROM event_topics t JOIN events e ON e.seq = t.seq
        WHERE t.topic = ? AND t.seq > ? AND t.seq <= ? ORDER BY t.seq LIMIT ?
        """, arguments: [topic, after, through, limit])
    return rows.map { EventRecord(seq: $0[0], event: $0[1], data: $0[2], at: $0[3]) }
  }

  /// The numbers that the log holds.
  package func eventRange() throws -> EventRange {
    let last = try Int.fetchOne(self, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'events'") ?? 0
    let first = try Int.fetchOne(self, sql: "SELECT min(seq) FROM events")
    return EventRange(floor: first.map { $0 - 1 } ?? last, last: last)
  }
}
