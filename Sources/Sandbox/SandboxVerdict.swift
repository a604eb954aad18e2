/// What the end of a sandboxed program says of the test that it was.
package struct SandboxVerdict: Hashable, Sendable {
  /// What came of it.
  package enum Status: String, Sendable {
    /// It ended by itself with status 0.
    case passed
    /// It ended by itself with another status.
    case failed
    /// It was ended by a limit other than time, or by a signal.
    case error
    /// It was ended by a limit of time.
    case timeout
  }

  /// What came of it.
  package let status: Status
  /// The limit that it ran into, if any.
  package let limit: SandboxResult.Limit?

  /// The verdict on a result: the exit status counts and the kernel's word, never what was printed.
  package init(_ result: SandboxResult) {
    let first = result.limits.first
    if result.isLost {
      (status, limit) = (.error, .signal)
    } else if result.isKilledByLimit {
      (status, limit) = (first == .wall || first == .cpu ? .timeout : .error, first)
    } else if case .exited(let code) = result.end {
      (status, limit) = (code == 0 ? .passed : .failed, first)
    } else {
      (status, limit) = (.error, .signal)
    }
  }
}
