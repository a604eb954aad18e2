import Platform
import Store
import Synchronization

/// One reader's place in a topic: replays what it missed, then goes live.
///
/// Bounded: what a slow reader does not take in time is dropped from memory and read from the log again when it asks,
/// so that it neither loses an event nor holds up anybody.
///
///     replaying (from the log, a page at a time) -> live (from memory) -> replaying when it fell behind -> ...
package final class Subscription: Sendable {
  /// What a reader is handed.
  package enum Delivery: Sendable, Hashable {
    /// Events in order, at least one.
    case events([LogEvent])
    /// The cursor is not in this log: the reader must read a snapshot and go on after `next`.
    case resync(next: Int)
  }

  /// The topic.
  package let topic: String
  private let journal: Journal
  private let state: Mutex<State>

  private struct State {
    var cursor: Int
    /// Events up to this number must be read from the log.
    var replayThrough: Int
    var mustResync = false
    var live: [LogEvent] = []
    var liveBytes = 0
    var isClosed = false
    var waiter: CheckedContinuation<Void, Never>?
  }

  /// Bytes of live events that wait for a reader in memory.
  static var liveLimit: Int { 256 * 1024 }
  /// Events of one page of the log.
  static var pageSize: Int { 128 }

  private init(_ journal: Journal, topic: String) {
    self.journal = journal
    self.topic = topic
    state = Mutex(State(cursor: 0, replayThrough: 0))
  }

  /// Subscribes to a topic after a number: nil goes live at once, 0 begins with the oldest event that is held.
  ///
  /// The caller must `cancel` it.
  package static func start(_ journal: Journal, topic: String, after: Int?) -> Subscription {
    let subscription = Subscription(journal, topic: topic)
    // Registered first: what is appended from here on is handed over, behind the range that is replayed.
    let range = journal.broadcaster.add(subscription)
    subscription.state.withLock { state in
      let after = after == 0 ? range.floor : after ?? range.last
      state.mustResync = after < range.floor || after > range.last
      state.cursor = state.mustResync ? range.last : after
      state.replayThrough = max(range.last, state.replayThrough)
    }
    return subscription
  }

  /// What comes next, waiting for it; nil when the daemon stops or the task is cancelled.
  ///
  /// - Throws: an error of the database.
  package func next() async throws -> Delivery? {
    try await withTaskCancellationHandler {
      try await nextDelivery()
    } onCancel: {
      close()
    }
  }

  /// Hands over what comes, one delivery after the other, until `next` would be nil; cheaper, since the task's
  /// cancellation is watched once.
  ///
  /// - Throws: what `body` throws, or an error of the database.
  package func forEach(_ body: (Delivery) async throws -> Void) async throws {
    try await withTaskCancellationHandler {
      while let delivery = try await nextDelivery() { try await body(delivery) }
    } onCancel: {
      close()
    }
  }

  private func nextDelivery() async throws -> Delivery? {
    while true {
      switch step() {
      case .deliver(let delivery):
        if case .events(let events) = delivery { journal.meter.delivered.add(events.count) }
        return delivery
      case .end: return nil
      case .replay(let after, let through):
        let topic = topic
        let records = try await journal.store.read { db in
          try db.events(topic: topic, after: after, through: through, limit: Self.pageSize)
        }
        let events = records.map { LogEvent($0, topic: topic) }
        state.withLock { $0.cursor = events.count < Self.pageSize ? through : events[events.count - 1].seq }
        guard !events.isEmpty else { continue }
        journal.meter.delivered.add(events.count)
        return .events(events)
      case .wait: await sleep()
      }
    }
  }

  /// The number after which this reader would go on.
  package var cursor: Int { state.withLock { $0.cursor } }

  /// Ends the subscription.
  package func cancel() {
    journal.broadcaster.remove(self)
    close()
  }

  private enum Step {
    case deliver(Delivery)
    case replay(after: Int, through: Int)
    case wait
    case end
  }

  private func step() -> Step {
    state.withLock { state in
      if state.isClosed { return .end }
      if state.mustResync {
        state.mustResync = false
        return .deliver(.resync(next: state.cursor))
      }
      if state.cursor < state.replayThrough { return .replay(after: state.cursor, through: state.replayThrough) }
      guard let last = state.live.last else { return .wait }
      defer {
        state.live = []
        state.liveBytes = 0
        state.cursor = last.seq
      }
      return .deliver(.events(state.live))
    }
  }

  private func sleep() async {
    await withCheckedContinuation { continuation in
      let isDue = state.withLock { state -> Bool in
        if state.isClosed || !state.live.isEmpty || state.cursor < state.replayThrough { return true }
        state.waiter = continuation
        return false
      }
      if isDue { continuation.resume() }
    }
  }

  /// Takes a live event, and gives back who waits for it, to be resumed when all is handed on; called in the order of
  /// numbers, under the broadcaster's lock.
  func push(_ event: LogEvent) -> CheckedContinuation<Void, Never>? {
    state.withLock { state in
      if state.liveBytes + event.json.count <= Self.liveLimit {
        state.live.append(event)
        state.liveBytes += event.json.count
      } else {
        state.live = []
        state.liveBytes = 0
        state.replayThrough = event.seq
      }
      return state.waiter.take()
    }
  }

  func close() {
    let waiter = state.withLock { state in
      state.isClosed = true
      return state.waiter.take()
    }
    waiter?.resume()
  }
}
