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
  private let spares = SpareSandboxes()
  private let starter: Starter
  private let remover: Remover
  private let state = Mutex(State())
  private let followers = AsyncStream.makeStream(of: SandboxPolicy.self, bufferingPolicy: .bufferingNewest(1))

  private struct State {
    var runs: [ObjectIdentifier: SandboxRun] = [:]
    var isStopping = false
  }

  /// Starting one blocks for some milliseconds.
  private actor Starter {
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }
    private nonisolated let executor: ThreadExecutor
    private let spares: SpareSandboxes

    init(_ spares: SpareSandboxes) throws(SystemError) {
      self.spares = spares
      executor = try ThreadExecutor(name: "sandbox")
    }

    deinit { executor.stop() }

    func start(_ policy: SandboxPolicy, features: SandboxFeatures) throws -> StartedSandbox {
      // One may have come while this waited for its turn.
      if policy.startsAhead, let started = spares.take(for: policy) { return started }
      return try StartedSandbox(policy, features: features)
    }

    /// Starts a program for which there is no work yet, if there is none that waits already.
    func startAhead(_ policy: SandboxPolicy, features: SandboxFeatures) {
      // Who cannot start it now will say so when there is work for it.
      guard !spares.has(policy), let started = try? StartedSandbox(policy.ahead, features: features) else { return }
      spares.put(started, policy)
    }

    func start(_ policy: SandboxPolicy, size: TerminalSize, features: SandboxFeatures) throws -> SandboxTerminal {
      try SandboxTerminal(policy, size: size, features: features)
    }
  }

  /// Removing what one has left may take seconds, in which others are to start and to end.
  private actor Remover {
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }
    private nonisolated let executor: ThreadExecutor

    init() throws(SystemError) { executor = try ThreadExecutor(name: "remover") }

    deinit { executor.stop() }

    func remove(_ folder: String) { StartedSandbox.remove(folder) }

    func reap(_ abandoned: [StartedSandbox]) { for started in abandoned { started.reap() } }
  }

  /// A sandbox with these features, which were probed, and no other; with less than `requirement` nothing is run.
  ///
  /// - Throws: `SystemError` when the system has no threads left.
  package init(features: SandboxFeatures, requirement: SandboxRequirement = .rlimits) throws(SystemError) {
    // Without one of them its /proc would be that of the host, or show nothing.
    let isAlone = features.isSuperset(of: [.privateRoot, .processNamespace])
    let features = isAlone ? features : features.subtracting(.ownProc)
    missing = .all.subtracting(features)
    // A user namespace counts its own processes, and joining a control group waits for all processors.
    self.features = features.contains(.userNamespace) ? features.subtracting(.processGroup) : features
    self.requirement = requirement
    loop = try EventLoop(name: "children")
    starter = try Starter(spares)
    remover = try Remover()
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
    try checkRequirement()
    let spare = policy.startsAhead ? spares.take(for: policy) : nil
    let started = if let spare { spare } else { try await starter.start(policy, features: features) }
    let run = await SandboxRun(started, policy: policy, loop: loop, observer: observer)
    if policy.startsAhead { followers.continuation.yield(policy.ahead) }
    let isStopping = state.withLock { state in
      state.runs[ObjectIdentifier(run)] = run
      return state.isStopping
    }
    if isStopping { run.end() }
    return run
  }

  private func checkRequirement() throws(SandboxError) {
    guard !isSufficient else { return }
    let lacking = requirement.features.subtracting(features).names.joined(separator: ", ")
    throw SandboxError(
      .notStarted, "SANDBOX_REQUIRE wants \(requirement.rawValue), and this machine does not have: \(lacking)")
  }

  /// Starts a program on a terminal of its own; its owner sees to its end.
  ///
  /// - Throws: `SandboxError`.
  package func startTerminal(_ policy: SandboxPolicy, size: TerminalSize) async throws -> SandboxTerminal {
    try checkRequirement()
    return try await starter.start(policy, size: size, features: features)
  }

  /// Keeps programs ready of the kinds that may be started ahead and were started last, until the task is cancelled.
  package func keepAhead() async {
    // Only what sees nothing of the others may wait beside them.
    guard features.isSuperset(of: [.privateRoot, .processNamespace]) else { return }
    for await policy in followers.stream {
      await starter.startAhead(policy, features: features)
      await remover.reap(spares.takeAbandoned())
    }
    spares.abandonAll()
    await remover.reap(spares.takeAbandoned())
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
    let (result, hasWaited) = try await runOnce(policy, observer: observer)
    guard hasWaited, result.diedSilently, !Task.isCancelled, !isStopping else { return result }
    // It may have been killed while it waited, in the very moment in which it was given its work.
    var policy = policy
    policy.startsAhead = false
    return try await runOnce(policy, observer: observer).result
  }

  private func runOnce(
    _ policy: SandboxPolicy, observer: @escaping @Sendable (SandboxRun.Stream, [UInt8]) -> Void
  ) async throws -> (result: SandboxResult, hasWaited: Bool) {
    let run = try await start(policy, observer: observer)
    defer { state.withLock { $0.runs[ObjectIdentifier(run)] = nil } }
    let result = await withTaskCancellationHandler {
      await run.result
    } onCancel: {
      run.end()
    }
    if let folder = run.folder { await remover.remove(folder) }
    return (result, run.hasWaited)
  }
}
