import Platform
import Store

/// How often each key was used today, and what of it the database does not know yet.
struct AccessKeyUsage {
  private struct Count {
    var today = 0
    var unsaved = 0
    var lastUsed = ""
  }

  /// What is to be added to the row of a key.
  struct Addition: Sendable {
    let key: String
    let day: String
    let requests: Int
    let lastUsed: String
  }

  private var day = ""
  private var counts: [String: Count] = [:]
  /// Of days that are over.
  private var late: [Addition] = []

  /// The UTC day of a moment, `2026-11-26`.
  static func day(of time: Timestamp) -> String { String(time.text.prefix(10)) }

  /// Seconds until the next UTC day.
  static func secondsLeft(at time: Timestamp) -> Int { 86_400 - time.microseconds / 1_000_000 % 86_400 }

  /// Begins with what the database knows.
  mutating func begin(_ requests: [String: Int], at time: Timestamp) {
    day = Self.day(of: time)
    for (key, count) in requests { counts[key, default: Count()].today = count }
  }

  /// Counts a request; false when the key has had its share of the day.
  mutating func admit(_ key: AccessKeyRecord, at time: Timestamp) -> Bool {
    turn(to: time)
    var count = counts[key.id] ?? Count()
    defer { counts[key.id] = count }
    count.lastUsed = time.text
    if let limit = key.dailyRequests, count.today >= limit { return false }
    count.today += 1
    count.unsaved += 1
    return true
  }

  /// Requests of today.
  mutating func today(_ key: String, at time: Timestamp) -> Int {
    turn(to: time)
    return counts[key]?.today ?? 0
  }

  private mutating func turn(to time: Timestamp) {
    let today = Self.day(of: time)
    guard today != day else { return }
    late += additions()
    counts = [:]
    day = today
  }

  private func additions() -> [Addition] {
    counts.filter { !$0.value.lastUsed.isEmpty }.map {
      Addition(key: $0.key, day: day, requests: $0.value.unsaved, lastUsed: $0.value.lastUsed)
    }
  }

  /// What the database does not know yet, which is taken for written.
  mutating func takeUnsaved() -> [Addition] {
    defer {
      late = []
      for key in counts.keys {
        counts[key]?.unsaved = 0
        counts[key]?.lastUsed = ""
      }
    }
    return late + additions()
  }
}
