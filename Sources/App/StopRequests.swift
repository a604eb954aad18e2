import Glibc
import Platform
import Synchronization

/// The signals that ask the process to stop (SIGTERM, SIGINT).
///
/// Until somebody waits for them they end the process as usual; the first that somebody waits for is handed over, and
/// the next ends the process at once.
final class StopRequests: Sendable {
  private struct State {
    var waiter: CheckedContinuation<Void, Never>?
    var isHandled = false
  }

  private let state = Mutex(State())

  /// Takes the signals over; must be made first thing in a program.
  init() throws(SystemError) {
    let signals = Handoff(try StopSignals())
    try startThread(named: "signals") {
      guard let signals = signals.take() else { return }
      while true { self.receive(signals.next()) }
    }
  }

  /// Returns when the process is asked to stop.
  func wait() async {
    await withCheckedContinuation { continuation in state.withLock { $0.waiter = continuation } }
  }

  private func receive(_ signal: Int32) {
    let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
      defer { state.isHandled = true }
      return state.isHandled ? nil : state.waiter.take()
    }
    guard let waiter else { _exit(128 + signal) }
    waiter.resume()
  }
}
