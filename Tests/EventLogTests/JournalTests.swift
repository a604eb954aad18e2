import EventLog
import Foundation
import GRDB
import JSON
import Logging
import Platform
import Store
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct `Event journal` {
  /// Runs a journal over a database of its own while `body` runs.
  private static func withJournal<T: Sendable>(
    _ folder: URL, _ body: @escaping @Sendable (Journal) async throws -> T
  ) async throws -> T {
    let store = try SQLiteStore.open(url: "sqlite:///\(folder.path)/log.db")
    let journal = try Journal(store: store, logger: .silent)
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await journal.run() }
      defer { journal.stop() }
      return try await body(journal)
    }
  }

  private static func event(_ number: Int, topic: String = "project:p") -> NewEvent {
    NewEvent("tick", topics: [topic, "session:s"], data: ["n": .integer(number)])
  }

  /// The numbers in the data of the next events of a subscription.
  private static func read(_ subscription: Subscription, count: Int) async throws -> [Int] {
    var numbers: [Int] = []
    while numbers.count < count, let delivery = try await subscription.next() {
      guard case .events(let events) = delivery else { continue }
      for event in events { numbers.append(try JSONParser.parse(event.json)["data"]?["n"]?.integer ?? -1) }
    }
    return numbers
  }

  @Test func `shows what was appended, live and again, in the same bytes`() async throws {
    try await withTemporaryFolder { folder in
      try await Self.withJournal(folder) { journal in
        let live = Subscription.start(journal, topic: "project:p", after: nil)
        try await journal.append { _, events in events.append(Self.event(1)) }
        guard case .events(let now)? = try await live.next() else {
          Issue.record("nothing came")
          return
        }
        let again = Subscription.start(journal, topic: "project:p", after: 0)
        let replayed = try await again.next()
        #expect(replayed == .events(now))
        let value = try JSONParser.parse(now[0].json)
        #expect(value.object?.members.map(\.name) == ["seq", "topic", "event", "data", "at"])
        live.cancel()
        again.cancel()
      }
    }
  }

  @Test func `numbers go on over a restart, and a reader goes on where it was`() async throws {
    try await withTemporaryFolder { folder in
      let cursor = try await Self.withJournal(folder) { journal in
        for number in 0..<10 { try await journal.append { _, events in events.append(Self.event(number)) } }
        let subscription = Subscription.start(journal, topic: "project:p", after: 0)
        _ = try await Self.read(subscription, count: 10)
        return subscription.cursor
      }
      try await Self.withJournal(folder) { journal in
        for number in 10..<20 { await journal.post(Self.event(number)) }
        let subscription = Subscription.start(journal, topic: "project:p", after: cursor)
        let numbers = try await Self.read(subscription, count: 10)
        #expect(numbers == Array(10..<20))
        #expect(subscription.cursor > cursor)
      }
    }
  }

  @Test(arguments: [0, 1, 40])
  func `every reader gets every event once and in order while many write`(readers: Int) async throws {
    try await withTemporaryFolder { folder in
      try await Self.withJournal(folder) { journal in
        let count = 20 * 200
        let subscriptions = (0..<max(1, readers)).map { _ in Subscription.start(journal, topic: "session:s", after: 0) }
        try await withThrowingTaskGroup(of: [Int].self) { group in
          for producer in 0..<20 {
            group.addTask {
              for number in 0..<200 { await journal.post(Self.event(producer * 1000 + number)) }
              return []
            }
          }
          for subscription in subscriptions { group.addTask { try await Self.read(subscription, count: count) } }
          for try await numbers in group where !numbers.isEmpty {
            #expect(Set(numbers).count == count)
            for producer in 0..<20 {
              let own = numbers.filter { $0 / 1000 == producer }
              #expect(own == own.sorted() && own.count == 200)
            }
          }
        }
      }
    }
  }

  @Test func `a reader that falls behind what is kept in memory reads on from the log`() async throws {
    try await withTemporaryFolder { folder in
      try await Self.withJournal(folder) { journal in
        let slow = Subscription.start(journal, topic: "project:p", after: nil)
        let filler = String(repeating: "x", count: 4000)
        for number in 0..<500 {
          await journal.post(
            NewEvent("tick", topics: ["project:p"], data: ["n": .integer(number), "filler": .string(filler)]))
        }
        try await journal.append { _, _ in }
        let numbers = try await Self.read(slow, count: 500)
        #expect(numbers == Array(0..<500))
      }
    }
  }

  @Test func `checkpoints beside the writers lose nothing and keep the log short`() async throws {
    let (producers, each) = (4, 1500)
    let thread = try DiskThread(name: "checkpoints", niceness: 10)
    try await withTemporaryFolder { folder in
      try await Self.withJournal(folder) { journal in
        try await withThrowingTaskGroup(of: Void.self) { group in
          for producer in 0..<producers {
            group.addTask {
              for number in 0..<each {
                try await journal.append(isDurable: number % 10 == 0) { _, events in
                  events.append(Self.event(producer * each + number))
                }
              }
            }
          }
          for _ in 0..<20 {
            try await journal.append { _, events in events.append(Self.event(-1)) }
            try await journal.store.checkpoint(on: thread)
          }
          try await group.waitForAll()
        }
        try await journal.append { _, events in events.append(Self.event(-1)) }
        try await journal.store.checkpoint(on: thread)
        try await journal.append { _, events in events.append(Self.event(-1)) }
        let faults = try await journal.store.read { db in try String.fetchAll(db, sql: "PRAGMA integrity_check") }
        #expect(faults == ["ok"])
      }
      try await Self.withJournal(folder) { journal in
        let subscription = Subscription.start(journal, topic: "session:s", after: 0)
        let numbers = try await Self.read(subscription, count: producers * each + 22)
        #expect(numbers.filter { $0 >= 0 }.sorted() == Array(0..<producers * each))
      }
    }
  }

  @Test func `a change that fails keeps nothing and harms no other`() async throws {
    struct Fault: Error {}
    try await withTemporaryFolder { folder in
      try await Self.withJournal(folder) { journal in
        await withTaskGroup(of: Void.self) { group in
          for number in 0..<50 {
            group.addTask {
              do {
                try await journal.append { _, events in
                  events.append(Self.event(number))
                  if number % 2 == 1 { throw Fault() }
                }
                #expect(number % 2 == 0)
              } catch {
                #expect(error is Fault)
              }
            }
          }
        }
        let subscription = Subscription.start(journal, topic: "project:p", after: 0)
        let numbers = try await Self.read(subscription, count: 25)
        #expect(numbers.sorted() == stride(from: 0, to: 50, by: 2).map { $0 })
      }
    }
  }

  @Test func `what memory holds of the rows is changed before their events are shown`() async throws {
    struct Fault: Error {}
    try await withTemporaryFolder { folder in
      try await Self.withJournal(folder) { journal in
        let shown: @Sendable () -> Int = {
          let subscription = Subscription.start(journal, topic: "project:p", after: nil)
          defer { subscription.cancel() }
          return subscription.cursor
        }
        let first = shown()
        let calls = Mutex<[String: Int]>([:])
        let note: @Sendable (String) -> Void = { value in calls.withLock { $0[value] = shown() } }
        _ = try await journal.append(committed: note) { _, events -> String in
          events.append(Self.event(1))
          return "kept"
        }
        await #expect(throws: Fault.self) {
          _ = try await journal.append(committed: note) { _, _ -> String in throw Fault() }
        }
        #expect(calls.withLock { $0 } == ["kept": first])
        #expect(shown() == first + 1)
      }
    }
  }

  @Test func `a number that is not of this log is told so, with where to go on`() async throws {
    try await withTemporaryFolder { folder in
      try await Self.withJournal(folder) { journal in
        try await journal.append { _, events in events.append(Self.event(1)) }
        let makers: [@Sendable (Int) -> Int] = [{ _ in 1 }, { _ in 42 }, { $0 + 1 }, { $0 + 1_000_000_000 }]
        for make in makers {
          let last = Subscription.start(journal, topic: "project:p", after: nil).cursor
          let subscription = Subscription.start(journal, topic: "project:p", after: make(last))
          let first = try await subscription.next()
          #expect(first == .resync(next: last))
          await journal.post(Self.event(7))
          let numbers = try await Self.read(subscription, count: 1)
          #expect(numbers == [7])
          try await journal.append { _, _ in }
          subscription.cancel()
        }
      }
    }
  }

  @Test func `cancelling and stopping end a wait`() async throws {
    try await withTemporaryFolder { folder in
      let waiting = try await Self.withJournal(folder) { journal in
        let cancelled = Subscription.start(journal, topic: "project:p", after: nil)
        async let first = cancelled.next()
        cancelled.cancel()
        let ended = try await first
        #expect(ended == nil)
        return Subscription.start(journal, topic: "project:p", after: nil)
      }
      let ended = try await waiting.next()
      #expect(ended == nil)
    }
  }
}
