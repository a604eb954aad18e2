package import Platform
import Synchronization

extension TerminalService {
  /// The quantities.
  package var metrics: [MetricFamily] {
    let (running, kept) = state.withLock { state in
      (max(0, state.live.count - state.ended.count), state.ended.count)
    }
    let states = [("running", running), ("ended", kept)]
    return [
      MetricFamily(
        "vibegrapher_terminals", "Terminals: those that run, and those that have ended and whose output is kept.",
        .gauge, states.map { ([("state", $0.0)], Double($0.1)) })
    ]
  }
}
