package import GRDB
import JSON
package import Logging
package import Platform
package import Store
import Synchronization

/// The one way into the database: changes to rows and the events that tell of them, committed together and in order,
/// then shown to the readers.
///
/// Entries of many producers go into one transaction (group commit), which a crash of the daemon survives. Events are
/// shown after it, so that nothing that was shown is missing later. Only an entry whose client will be told that it is
/// saved waits until the disk has it, and it alone: the next transactions, with the words of others, go on meanwhile.
///
///     append -> queued -> transaction -> readers -> synced -> append returns
package final class Journal: Sendable {
  /// The database.
  package let store: SQLiteStore
  /// Takes secrets out of what is stored and shown; every event goes through it.
  package let redactor: Redactor
  let broadcaster: Broadcaster
  let meter = JournalMeter()
  private let checkpoints: Checkpoints
  let syncs: LogSync
  private let logger: Logger
  private let queue = Mutex(Queue())
  /// Where the transactions run: each change of thread on the way would cost as much as a small one of them.
  private let thread: DiskThread
  /// Wakes the thread that waits for entries.
  private let wake: ThreadSemaphore

  private struct Queue {
    var entries: [Entry] = []
    /// Whether somebody waits for one of them.
    var isUrgent = false
    var isStopping = false
    var producers: [CheckedContinuation<Void, Never>] = []
  }

  struct Entry: Sendable {
    /// What it writes: an event alone, encoded by its producer, or rows with the events that tell of them.
    enum Work: Sendable {
      case event(name: String, topics: [String], data: String)
      case change(@Sendable (Database, inout [NewEvent]) throws -> Void)
    }

    let isDurable: Bool
    /// Whether somebody waits for it.
    var isAwaited = false
    let work: Work
    /// Called when it is committed, before its events are shown.
    var committed: (@Sendable () -> Void)?
    let finish: (@Sendable (Result<Void, any Error>) -> Void)?
  }

  private typealias Written = (record: EventRecord, topics: [String])

  /// A journal over a database; nothing is written until `run`.
  package init(store: SQLiteStore, logger: Logger, redactor: Redactor = Redactor()) throws {
    self.store = store
    self.redactor = redactor
    self.logger = logger
    checkpoints = try Checkpoints(logger: logger)
    syncs = try LogSync(database: store.pool.path, logger: logger)
    thread = try DiskThread(name: "journal")
    wake = try ThreadSemaphore()
    broadcaster = Broadcaster(range: try store.pool.read { db in try db.eventRange() })
  }

  /// How long events that nobody waits for wait for others, in nanoseconds: a transaction for each word would cost more
  /// than all else that is done with it.
  private static let gathering = 200_000

  /// How many deltas may wait to be written before their producers are held back.
  static var queueLimit: Int { 4096 }

  /// Changes rows and appends the events that the change tells of; returns when both are on the disk and shown.
  ///
  /// What nobody is told of need not be synced: it survives a crash of the daemon, and a power cut with what follows it.
  ///
  /// Whoever keeps something of the rows in memory changes it in `committed`, which is called with the change's value
  /// before the events are shown: their readers may ask at once, when this has not returned yet.
  ///
  /// - Throws: what the change throws; nothing of it is kept then.
  package func append<T: Sendable>(
    isDurable: Bool = true, committed: (@Sendable (T) -> Void)? = nil,
    _ change: @escaping @Sendable (Database, inout [NewEvent]) throws -> T
  ) async throws -> T {
    let box = Mutex<T?>(nil)
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
      enqueue(
        Entry(
          isDurable: isDurable, isAwaited: true,
          work: .change { db, events in
            let value = try change(db, &events)
            box.withLock { $0 = value }
          },
          committed: { if let value = box.withLock({ $0 }) { committed?(value) } },
          finish: { continuation.resume(with: $0) }))
    }
    guard let value = box.withLock({ $0 }) else { throw CancellationError() }
    return value
  }

  /// Appends an event that nobody waits for; returns when it is queued, which is at once unless the queue is full.
  package func post(_ event: NewEvent) async {
    await post(.event(name: event.name, topics: event.topics, data: event.data.encodedText))
  }

  /// Changes rows and appends events that nobody waits for, like `post(_:)`; a change that fails is logged and dropped.
  package func post(_ change: @escaping @Sendable (Database, inout [NewEvent]) throws -> Void) async {
    await post(.change(change))
  }

  private func post(_ work: Entry.Work) async {
    while queue.withLock({ $0.entries.count >= Self.queueLimit && !$0.isStopping }) {
      await withCheckedContinuation { continuation in
        // Looked at again: the writer may have taken all in between, and then nobody would be told.
        let isFull = queue.withLock { queue -> Bool in
          guard queue.entries.count >= Self.queueLimit, !queue.isStopping else { return false }
          queue.producers.append(continuation)
          return true
        }
        if !isFull { continuation.resume() }
      }
    }
    let logger = logger
    enqueue(
      Entry(isDurable: false, work: work) { result in
        guard case .failure(let error) = result else { return }
        logger.warning("a change was not written", metadata: ["error": "\(error)"])
      })
  }

  /// Changes rows for somebody who cannot wait, and tells when it is done; only for what is rare, since nothing holds
  /// its producers back.
  package func submit(
    _ change: @escaping @Sendable (Database, inout [NewEvent]) throws -> Void, then: @escaping @Sendable () -> Void
  ) {
    let logger = logger
    enqueue(
      Entry(isDurable: false, work: .change(change)) { result in
        if case .failure(let error) = result {
          logger.warning("a change was not written", metadata: ["error": "\(error)"])
        }
        then()
      })
  }

  private func enqueue(_ entry: Entry) {
    let isNews = queue.withLock { queue in
      queue.entries.append(entry)
      defer { queue.isUrgent = queue.isUrgent || entry.isAwaited }
      return queue.entries.count == 1 || entry.isAwaited && !queue.isUrgent
    }
    if isNews { wake.post() }
  }

  /// Writes until `stop` has been called and everything queued is written.
  package func run() async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.checkpoints.run(on: self.store) }
      group.addTask { await self.syncs.run() }
      await thread.run { while let entries = self.nextBatch() { self.write(entries) } }
      syncs.stop()
      group.cancelAll()
    }
    broadcaster.close()
  }

  /// Ends the subscriptions there are; their readers have to come again.
  package func endSubscriptions() { broadcaster.close(isFinal: false) }

  /// Lets `run` return once the queue is empty.
  package func stop() {
    queue.withLock { $0.isStopping = true }
    wake.post()
  }

  private func nextBatch() -> [Entry]? {
    while true {
      let mayGather = queue.withLock { !$0.entries.isEmpty && !$0.isUrgent && !$0.isStopping }
      if mayGather { _ = wake.wait(nanoseconds: Self.gathering) }
      let (entries, producers, isStopping) = queue.withLock { queue in
        defer { (queue.entries, queue.producers, queue.isUrgent) = ([], [], false) }
        return (queue.entries, queue.producers, queue.isStopping)
      }
      for producer in producers { producer.resume() }
      guard entries.isEmpty else { return entries }
      guard !isStopping else { return nil }
      wake.wait()
    }
  }

  private func write(_ entries: [Entry]) {
    let begun = MonotonicClock.nanoseconds
    do {
      let (records, results) = try store.pool.writeWithoutTransaction { db in
        try Self.commit(entries, in: db, redactor)
      }
      meter.commits.observe(nanoseconds: MonotonicClock.nanoseconds - begun)
      meter.appended.add(records.count)
      checkpoints.note()
      for (entry, result) in zip(entries, results) { if case .success = result { entry.committed?() } }
      broadcaster.publish(records)
      var saved: [LogSync.Finish] = []
      for (entry, result) in zip(entries, results) {
        guard let finish = entry.finish else { continue }
        if entry.isDurable, case .success = result { saved.append(finish) } else { finish(result) }
      }
      syncs.note(saved)
    } catch {
      logger.error("could not write to the database", metadata: ["error": "\(error)"])
      for entry in entries { entry.finish?(.failure(error)) }
    }
  }

  /// Runs all entries in one transaction.
  ///
  /// Each change is in a savepoint, so that one that fails takes only itself back;
  /// events that follow each other share one, since many are deltas and a savepoint costs as much as an event.
  private static func commit(
    _ entries: [Entry], in db: Database, _ redactor: Redactor
  ) throws -> (records: [Written], results: [Result<Void, any Error>]) {
    var records: [Written] = []
    var results: [Result<Void, any Error>] = []
    try db.inTransaction(.immediate) {
      var rest = entries[...]
      while let first = rest.first {
        let run = first.isEvent ? rest.prefix(while: \.isEvent) : rest.prefix(1)
        rest = rest.dropFirst(run.count)
        let before = records.count
        do {
          try db.inSavepoint {
            for entry in run { try write(entry.work, in: db, redactor, &records) }
            return .commit
          }
          results += run.map { _ in .success(()) }
        } catch {
          records.removeSubrange(before...)
          results += run.map { _ in .failure(error) }
        }
      }
      return .commit
    }
    return (records, results)
  }

  private static func write(
    _ work: Entry.Work, in db: Database, _ redactor: Redactor, _ records: inout [Written]
  ) throws {
    func append(_ name: String, _ topics: [String], _ encoded: String) throws {
      let (data, at) = (redactor.redact(encoded), Timestamp.now.text)
      let seq = try db.appendEvent(topics: topics, event: name, data: data, at: at)
      records.append((EventRecord(seq: seq, event: name, data: data, at: at), topics))
    }
    switch work {
    case .event(let name, let topics, let data): try append(name, topics, data)
    case .change(let change):
      var events: [NewEvent] = []
      try change(db, &events)
      for event in events { try append(event.name, event.topics, event.data.encodedText) }
    }
  }
}

extension Journal.Entry {
  fileprivate var isEvent: Bool { if case .event = work { true } else { false } }
}
