import Glibc
import Platform
import Synchronization

/// Programs that were started before there is work for them, and wait for their input.
///
/// What it costs to make a sandbox and to start an interpreter in it is most of what a short program takes.
final class SpareSandboxes: Sendable {
  private struct Spare {
    let started: StartedSandbox
    let policy: SandboxPolicy
    let identities: [UInt64]
  }

  /// As many as there are kinds of them: tests, and quick tests.
  private static let most = 2

  /// The oldest first, and those that are abandoned and not yet reaped.
  private let state = Mutex<(spares: [Spare], abandoned: [StartedSandbox])>(([], []))

  /// Whether one waits that this policy is about.
  func has(_ policy: SandboxPolicy) -> Bool { state.withLock { $0.spares.contains { $0.policy == policy.ahead } } }

  /// Keeps a program that was started by `policy.ahead`.
  func put(_ started: StartedSandbox, _ policy: SandboxPolicy) {
    let spare = Spare(started: started, policy: policy.ahead, identities: Self.identities(policy))
    let oldest = state.withLock { state in
      state.spares.append(spare)
      return state.spares.count > Self.most ? state.spares.removeFirst() : nil
    }
    if let oldest { abandon(oldest.started) }
  }

  /// The program that this policy is about, whose time runs from now on; nil when there is none.
  func take(for policy: SandboxPolicy) -> StartedSandbox? {
    let spare = state.withLock { state in
      state.spares.firstIndex { $0.policy == policy.ahead }.map { state.spares.remove(at: $0) }
    }
    guard let spare else { return nil }
    var started = spare.started
    started.begun = MonotonicClock.nanoseconds
    started.hasWaited = true
    guard spare.identities == Self.identities(policy), started.isListening,
      policy.wallTime.map(started.limitTime) ?? true
    else {
      abandon(started)
      return nil
    }
    return started
  }

  /// Ends all of them.
  func abandonAll() {
    let spares = state.withLock { state in
      defer { state.spares = [] }
      return state.spares
    }
    for spare in spares { abandon(spare.started) }
  }

  /// Those that were abandoned; whoever calls it reaps them.
  func takeAbandoned() -> [StartedSandbox] {
    state.withLock { state in
      defer { state.abandoned = [] }
      return state.abandoned
    }
  }

  private func abandon(_ started: StartedSandbox) {
    started.abandon()
    state.withLock { $0.abandoned.append(started) }
  }

  /// Which files the names stand for: one that has been replaced is not what the program sees.
  private static func identities(_ policy: SandboxPolicy) -> [UInt64] {
    ([policy.path, "/usr", "/etc/ld.so.cache", "/etc/localtime"] + policy.binds.map(\.source)).flatMap { path in
      var status = stat()
      return unsafe stat(path, &status) == 0 ? [UInt64(status.st_dev), UInt64(status.st_ino)] : []
    }
  }
}
