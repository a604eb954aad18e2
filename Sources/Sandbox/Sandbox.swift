import CPlatform
import Glibc
package import Platform
import Synchronization

/// Runs programs that nobody trusts: one way to start them, with whatever the machine has to hold them.
package final class Sandbox: Sendable {
  /// What holds a program here.
  package let features: SandboxFeatures
  /// What this machine or this user lacks, or the caller left out.
  package let missing: SandboxFeatures
  private let requirement: SandboxRequirement
  private let loop: EventLoop
  private let starter: Starter
  private let state = Mutex(State())

  private struct State {
    var runs: [ObjectIdentifier: SandboxRun] = [:]
    var isStopping = false
  }

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
    missing = .all.subtracting(features)
    // A user namespace counts its own processes, and joining a control group waits for all processors.
    self.features = features.contains(.userNamespace) ? features.subtracting(.processGroup) : features
    self.requirement = requirement
    loop = try EventLoop(name: "children")
    starter = try Starter()
  }

  deinit { loop.stop() }

  /// The version of Landlock's interface that the kernel has; 0 for none.
  package static var landlockVersion: Int { Int(cplatform_landlock_version()) }

  /// Whether what is required is there.
  package var isSufficient: Bool { features.isSuperset(of: requirement.features) }

  /// Starts a program; its output is handed to `observer` as it comes, on the loop's thread, at
  /// most as much of each stream as the policy keeps.
  ///
  /// - Throws: `SandboxError`.
  private func start(
    _ policy: SandboxPolicy, observer: @escaping @Sendable (SandboxRun.Stream, [UInt8]) -> Void
  ) async throws -> SandboxRun {
    guard isSufficient else {
      let lacking = requirement.features.subtracting(features).names.joined(separator: ", ")
      throw SandboxError(
        .notStarted, "SANDBOX_REQUIRE wants \(requirement.rawValue), and this machine does not have: \(lacking)")
    }
    let started = try await starter.start(policy, features: features)
    let run = await SandboxRun(started, policy: policy, loop: loop, observer: observer)
    let isStopping = state.withLock { state in
      state.runs[ObjectIdentifier(run)] = run
      return state.isStopping
    }
    if isStopping { run.end() }
    return run
  }

  /// Ends what runs, and everything that is started later.
  package func stop() {
    let runs = state.withLock { state in
      state.isStopping = true
      return Array(state.runs.values)
    }
    for run in runs { run.end() }
  }

  /// Whether `stop` was called.
  package var isStopping: Bool { state.withLock { $0.isStopping } }

  /// Runs a program to its end; when the task is cancelled the program is ended.
  ///
  /// - Throws: `SandboxError` when it could not be started.
  package func run(
    _ policy: SandboxPolicy, observer: @escaping @Sendable (SandboxRun.Stream, [UInt8]) -> Void = { _, _ in }
  ) async throws -> SandboxResult {
    let run = try await start(policy, observer: observer)
    defer { state.withLock { $0.runs[ObjectIdentifier(run)] = nil } }
    return await withTaskCancellationHandler {
      await run.result
    } onCancel: {
      run.end()
    }
  }
}
