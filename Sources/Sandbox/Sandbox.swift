import CPlatform
import Glibc
package import Platform

/// Runs programs that nobody trusts: one way to start them, with whatever the machine has to hold them.
package final class Sandbox: Sendable {
  /// What holds a program here.
  package let features: SandboxFeatures
  /// What this machine or this user lacks, or the caller left out.
  package var missing: SandboxFeatures { .all.subtracting(features) }
  private let requirement: SandboxRequirement
  private let loop: EventLoop
  private let starter: Starter

  /// Starting one blocks for some milliseconds.
  private actor Starter {
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }
    private nonisolated let executor: ThreadExecutor

    init() throws(SystemError) { executor = try ThreadExecutor(name: "sandbox") }

    deinit { executor.stop() }

    func start(_ policy: SandboxPolicy, features: SandboxFeatures) throws -> StartedSandbox {
      try StartedSandbox(policy, features: features)
    }
  }

  /// A sandbox with these features, which were probed, and no other; with less than `requirement` nothing is run.
  ///
  /// - Throws: `SystemError` when the system has no threads left.
  package init(features: SandboxFeatures, requirement: SandboxRequirement = .rlimits) throws(SystemError) {
    self.features = features
    self.requirement = requirement
    loop = try EventLoop(name: "children")
    starter = try Starter()
  }

  deinit { loop.stop() }

  /// The version of Landlock's interface that the kernel has; 0 for none.
  package static var landlockVersion: Int { Int(cplatform_landlock_version()) }

  /// Whether what is required is there.
  package var isSufficient: Bool { features.isSuperset(of: requirement.features) }

  /// Starts a program.
  ///
  /// The caller must wait for its `result`. Its output is handed to `observer` as it comes, on the loop's thread, at
  /// most as much of each stream as the policy keeps.
  ///
  /// - Throws: `SandboxError`.
  package func start(
    _ policy: SandboxPolicy, observer: @escaping @Sendable (SandboxRun.Stream, [UInt8]) -> Void = { _, _ in }
  ) async throws -> SandboxRun {
    guard isSufficient else {
      let lacking = requirement.features.subtracting(features).names.joined(separator: ", ")
      throw SandboxError(
        .notStarted, "SANDBOX_REQUIRE wants \(requirement.rawValue), and this machine does not have: \(lacking)")
    }
    let started = try await starter.start(policy, features: features)
    return await SandboxRun(started, policy: policy, loop: loop, observer: observer)
  }

  /// Runs a program to its end; when the task is cancelled the program is ended.
  ///
  /// - Throws: `SandboxError` when it could not be started.
  package func run(
    _ policy: SandboxPolicy, observer: @escaping @Sendable (SandboxRun.Stream, [UInt8]) -> Void = { _, _ in }
  ) async throws -> SandboxResult {
    let run = try await start(policy, observer: observer)
    return await withTaskCancellationHandler {
      await run.result
    } onCancel: {
      run.end()
    }
  }
}
