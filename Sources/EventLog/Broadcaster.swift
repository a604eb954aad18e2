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
    let wakeups = state.withLock { state -> [Subscription] in
      state.range = EventRange(floor: state.range.floor, last: last)
      var touched: [ObjectIdentifier: Subscription] = [:]
      for (record, topics) in records {
        for topic in topics {
          guard let subscriptions = state.subscriptions[topic] else { continue }
          let event = LogEvent(record, topic: topic)
          for (id, subscription) in subscriptions {
            subscription.push(event)
            touched[id] = subscription
          }
        }
      }
      return Array(touched.values)
    }
    for subscription in wakeups { subscription.wake() }
  }

  /// Ends every subscription, now and later.
  func close() {
    let all = state.withLock { state in
      state.isClosed = true
      return state.subscriptions.values.flatMap(\.values)
    }
    for subscription in all { subscription.close() }
  }
}
