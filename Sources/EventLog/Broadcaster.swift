import Store
import Synchronization

/// Hands appended events to the subscriptions of their topics.
///
/// A subscription registers and reads the high-water mark under one lock, so that no event falls between what it reads
/// from the log and what it is handed.
final class Broadcaster: Sendable {
  private struct State {
    var range: EventRange
    var subscriptions: [String: [ObjectIdentifier: Subscription]] = [:]
    var isClosed = false
  }

  private let state: Mutex<State>

  init(range: EventRange) { state = Mutex(State(range: range)) }

  /// The numbers that have been shown.
  var range: EventRange { state.withLock { $0.range } }

  /// How many subscriptions there are.
  var count: Int { state.withLock { $0.subscriptions.values.reduce(0) { $0 + $1.count } } }

  /// Registers a subscription; what comes after the returned range is handed to it.
  func add(_ subscription: Subscription) -> EventRange {
    state.withLock { state in
      state.subscriptions[subscription.topic, default: [:]][ObjectIdentifier(subscription)] = subscription
      if state.isClosed { subscription.close() }
      return state.range
    }
  }

  func remove(_ subscription: Subscription) {
    state.withLock { state in
      state.subscriptions[subscription.topic]?[ObjectIdentifier(subscription)] = nil
      if state.subscriptions[subscription.topic]?.isEmpty == true { state.subscriptions[subscription.topic] = nil }
    }
  }

  /// Hands on what a transaction appended.
  ///
  /// Each event is encoded once a topic that somebody reads.
  func publish(_ records: [(record: EventRecord, topics: [String])]) {
    guard let last = records.last?.record.seq else { return }
    let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>] in
      state.range = EventRange(floor: state.range.floor, last: last)
      var waiters: [CheckedContinuation<Void, Never>] = []
      for (record, topics) in records {
        for topic in topics {
          guard let subscriptions = state.subscriptions[topic] else { continue }
          let event = LogEvent(record, topic: topic)
          for subscription in subscriptions.values {
            if let waiter = subscription.push(event) { waiters.append(waiter) }
          }
        }
      }
      return waiters
    }
    for waiter in waiters { waiter.resume() }
  }

  /// Ends every subscription, and those to come too if `isFinal`.
  func close(isFinal: Bool = true) {
    let all = state.withLock { state in
      state.isClosed = state.isClosed || isFinal
      return state.subscriptions.values.flatMap(\.values)
    }
    for subscription in all { subscription.close() }
  }
}
