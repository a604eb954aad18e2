import Glibc

/// A program that was started before there is work for it, and waits for its input.
///
/// What it costs to make a sandbox and to start an interpreter in it is most of what a short program takes.
struct SpareSandbox: Sendable {
  let started: StartedSandbox
  private let policy: SandboxPolicy
  private let identities: [UInt64]

  /// Starts it.
  init(_ policy: SandboxPolicy, features: SandboxFeatures) throws(SandboxError) {
    self.policy = policy.ahead
    identities = Self.identities(policy)
    started = try StartedSandbox(policy.ahead, features: features)
  }

  /// The program, whose time runs from now on, if it is the one that this policy is about; else it is ended.
  func take(for policy: SandboxPolicy) -> StartedSandbox? {
    guard policy.ahead == self.policy, identities == Self.identities(policy), started.isListening else {
      started.discard()
      return nil
    }
    if let time = policy.wallTime { started.limitTime(time) }
    return started
  }

  /// Which files the names stand for: one that has been replaced is not what the program sees.
  private static func identities(_ policy: SandboxPolicy) -> [UInt64] {
    ([policy.path, "/usr", "/etc/ld.so.cache", "/etc/localtime"] + policy.binds.map(\.source)).flatMap { path in
      var status = stat()
      return unsafe stat(path, &status) == 0 ? [UInt64(status.st_dev), UInt64(status.st_ino)] : []
    }
  }
}
