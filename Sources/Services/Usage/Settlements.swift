import Synchronization

/// Tells those who wait for some part of a budget that a call was settled.
final class Settlements: Sendable {
  private struct State {
    var count = 0
    var last = 0
    var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
  }

  private let state = Mutex(State())

  /// How many there were.
  var count: Int { state.withLock { $0.count } }

  /// A call was settled.
  func note() {
    let waiters = state.withLock { state in
      state.count += 1
      defer { state.waiters = [:] }
      return Array(state.waiters.values)
    }
    for waiter in waiters { waiter.resume() }
  }

  /// Returns when there were more than so many, at the deadline, or when the task is cancelled.
  func wait(after seen: Int, until deadline: ContinuousClock.Instant) async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.wait(after: seen) }
      // Ends early only when the group is cancelled, because there was a settlement.
      group.addTask { try? await Task.sleep(until: deadline, clock: .continuous) }
      await group.next()
      group.cancelAll()
    }
  }

  private func wait(after seen: Int) async {
    let id = state.withLock { state in
      state.last += 1
      return state.last
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isDue = state.withLock { state -> Bool in
          guard state.count <= seen, !Task.isCancelled else { return true }
          state.waiters[id] = continuation
          return false
        }
        if isDue { continuation.resume() }
      }
    } onCancel: {
      let waiter = state.withLock { $0.waiters.removeValue(forKey: id) }
      waiter?.resume()
    }
  }
}
