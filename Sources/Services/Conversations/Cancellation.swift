import Synchronization

/// Asks for some work to be stopped; may come before the work begins.
final class Cancellation: Sendable {
  private let state = Mutex<(isCancelled: Bool, waiter: CheckedContinuation<Void, Never>?)>((false, nil))

  /// Whether it has been asked for.
  var isCancelled: Bool { state.withLock { $0.isCancelled } }

  func cancel() {
    let waiter = state.withLock { state in
      state.isCancelled = true
      return state.waiter.take()
    }
    waiter?.resume()
  }

  /// Returns when it is asked for, or the task is cancelled.
  func wait() async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isDue = state.withLock { state -> Bool in
          guard !state.isCancelled, !Task.isCancelled else { return true }
          state.waiter = continuation
          return false
        }
        if isDue { continuation.resume() }
      }
    } onCancel: {
      let waiter = state.withLock { $0.waiter.take() }
      waiter?.resume()
    }
  }
}
