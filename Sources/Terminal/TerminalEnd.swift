import Sandbox

/// How a terminal ended.
package struct TerminalEnd: Hashable, Sendable {
  /// Who or what ended it, when it did not end by itself.
  package enum Reason: String, Sendable {
    /// Nobody watched it for too long.
    case idle
    /// It was deleted, or its project was.
    case deleted
    /// The daemon stopped.
    case stopped
    /// Its programs took more memory than they may.
    case memory
    /// Its supervisor was killed from outside.
    case lost
  }

  /// The status with which its first process exited.
  package var exitCode: Int?
  /// The signal that ended its first process.
  package var signal: Int?
  /// Why it was ended; nil when it ended by itself.
  package var reason: Reason?

  /// An end of that kind.
  package init(exitCode: Int? = nil, signal: Int? = nil, reason: Reason? = nil) {
    self.exitCode = exitCode
    self.signal = signal
    self.reason = reason
  }

  /// What the sandbox says, and why we ended it if we did.
  init(_ result: SandboxResult, reason: Reason?) {
    switch result.end {
    case .exited(let code): exitCode = code
    case .signalled(let number): signal = number
    }
    if result.isCancelled {
      self.reason = reason
    } else if result.isLost {
      self.reason = .lost
    } else if result.isKilledByLimit, result.limits.first == .memory {
      self.reason = .memory
    }
  }
}
