package import GRDB
import JSON
package import Logging
import Platform
package import Store
import Synchronization

/// The one way into the database: changes to rows and the events that tell of them, committed together and in order,
/// then shown to the readers.
///
/// Entries of many producers go into one transaction (group commit). An entry whose client will be told that it is
/// saved is synced to the disk; deltas are only written, which a crash of the daemon survives. Events are shown after
/// their transaction, so that nothing that was shown is ever missing later, and the producer of a delta does not wait.
///
///     append -> queued -> transaction -> readers -> append returns
package final class Journal: Sendable {
  /// The database.
  package let store: SQLiteStore
  let broadcaster: Broadcaster
  private let logger: Logger
  private let queue = Mutex(Queue())

  private struct Queue {
    var entries: [Entry] = []
    var isStopping = false
    var writer: CheckedContinuation<Void, Never>?
    var producers: [CheckedContinuation<Void, Never>] = []
  }

  struct Entry: Sendable {
    let isDurable: Bool
    let change: @Sendable (Database, inout [NewEvent]) throws -> Void
    let finish: (@Sendable (Result<Void, any Error>) -> Void)?
  }

  /// A journal over a database; nothing is written until `run`.
  package init(store: SQLiteStore, logger: Logger) throws {
    self.store = store
    self.logger = logger
    broadcaster = Broadcaster(range: try store.pool.read { db in try db.eventRange() })
  }

  /// How many deltas may wait to be written before their producers are held back.
  static var queueLimit: Int { 4096 }

  /// Changes rows and appends the events that the change tells of; returns when both are on the disk and shown.
  ///
  /// - Throws: what the change throws; nothing of it is kept then.
  package func append<T: Sendable>(
    _ change: @escaping @Sendable (Database, inout [NewEvent]) throws -> T
  ) async throws -> T {
    let box = Mutex<T?>(nil)
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
      enqueue(
        Entry(
          isDurable: true,
          change: { db, events in
            let value = try change(db, &events)
            box.withLock { $0 = value }
          }, finish: { continuation.resume(with: $0) }))
    }
    guard let value = box.withLock({ $0 }) else { throw CancellationError() }
    return value
  }

  /// Appends an event that nobody waits for; returns when it is queued, which is at once unless the queue is full.
  package func post(_ event: NewEvent) async { await post { _, events in events.append(event) } }

  /// Changes rows and appends events that nobody waits for, like `post(_:)`; a change that fails is logged and dropped.
  package func post(_ change: @escaping @Sendable (Database, inout [NewEvent]) throws -> Void) async {
    while queue.withLock({ $0.entries.count >= Self.queueLimit && !$0.isStopping }) {
      await withCheckedContinuation { continuation in queue.withLock { $0.producers.append(continuation) } }
    }
    let logger = logger
    enqueue(
      Entry(isDurable: false, change: change) { result in
        guard case .failure(let error) = result else { return }
        logger.warning("a change was not written", metadata: ["error": "\(error)"])
      })
  }

  private func enqueue(_ entry: Entry) {
    let writer = queue.withLock { queue -> CheckedContinuation<Void, Never>? in
      queue.entries.append(entry)
      return queue.writer.take()
    }
    writer?.resume()
  }

  /// Writes until `stop` has been called and everything queued is written.
  package func run() async {
    while let entries = await nextBatch() { await write(entries) }
    broadcaster.close()
  }

  /// Lets `run` return once the queue is empty.
  package func stop() {
    let writer = queue.withLock { queue -> CheckedContinuation<Void, Never>? in
      queue.isStopping = true
      return queue.writer.take()
    }
    writer?.resume()
  }

  private func nextBatch() async -> [Entry]? {
    while true {
      let (entries, producers, isStopping) = queue.withLock { queue in
        defer {
          queue.entries = []
          queue.producers = []
        }
        return (queue.entries, queue.producers, queue.isStopping)
      }
      for producer in producers { producer.resume() }
      guard entries.isEmpty else { return entries }
      guard !isStopping else { return nil }
      await withCheckedContinuation { continuation in
        let isDue = queue.withLock { queue -> Bool in
          if !queue.entries.isEmpty || queue.isStopping { return true }
          queue.writer = continuation
          return false
        }
        if isDue { continuation.resume() }
      }
    }
  }

  private func write(_ entries: [Entry]) async {
    do {
      let (records, results) = try await store.pool.writeWithoutTransaction { db in
        try db.execute(sql: "PRAGMA synchronous = \(entries.contains(where: \.isDurable) ? "FULL" : "NORMAL")")
        return try Self.commit(entries, in: db)
      }
      broadcaster.publish(records)
      for (entry, result) in zip(entries, results) { entry.finish?(result) }
    } catch {
      logger.error("could not write to the database", metadata: ["error": "\(error)"])
      for entry in entries { entry.finish?(.failure(error)) }
    }
  }

  /// Runs all entries in one transaction, each in a savepoint, so that one that fails takes only itself back.
  private static func commit(
    _ entries: [Entry], in db: Database
  ) throws -> (records: [(record: EventRecord, topics: [String])], results: [Result<Void, any Error>]) {
    var records: [(record: EventRecord, topics: [String])] = []
    var results: [Result<Void, any Error>] = []
    try db.inTransaction(.immediate) {
      for entry in entries {
        let before = records.count
        do {
          try db.inSavepoint {
            var events: [NewEvent] = []
            try entry.change(db, &events)
            for event in events {
              let (data, at) = (event.data.encodedText, Timestamp.now.text)
              let seq = try db.appendEvent(topics: event.topics, event: event.name, data: data, at: at)
              records.append((EventRecord(seq: seq, event: event.name, data: data, at: at), event.topics))
            }
            return .commit
          }
          results.append(.success(()))
        } catch {
          records.removeSubrange(before...)
          results.append(.failure(error))
        }
      }
      return .commit
    }
    return (records, results)
  }
}
