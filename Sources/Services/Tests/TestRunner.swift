import EventLog
import Git
import JSON
package import Logging
import Platform
package import PythonSource
package import Sandbox
import Store

/// Runs tests in the sandbox, streams what they print, and keeps what came of them.
///
///     waiting for a slot -> checkout read from git -> running in the sandbox -> verdict stored and told
package final class TestRunner: Sendable {
  private let projects: ProjectService
  private let tests: TestCaseService
  private let diffs: DiffService
  /// What holds the tests.
  package let sandbox: Sandbox
  private let python: PythonInstallation
  private let bounds: TestBounds
  /// What is counted of the tests.
  package let meter = TestMeter()
  private let slots = Slots(TestBounds.concurrency)
  private let logger: Logger
  private let checkouts = CheckoutCache()
  private var journal: Journal { projects.journal }

  /// A runner of the tests of these projects.
  package init(
    projects: ProjectService, tests: TestCaseService, diffs: DiffService, sandbox: Sandbox, python: PythonInstallation,
    bounds: TestBounds, logger: Logger
  ) {
    self.projects = projects
    self.tests = tests
    self.diffs = diffs
    self.sandbox = sandbox
    self.python = python
    self.bounds = bounds
    self.logger = logger
  }

  /// Runs one test against the branch's head, or what a diff proposes.
  ///
  /// - Throws: `ServiceError`.
  package func run(_ id: String, diff diffID: String? = nil) async throws -> TestRun {
    let test = try await tests.testCase(id)
    let diff = try await diff(diffID, of: test.projectId)
    let checkout = try await checkout(of: test.projectId, diff: diff)
    return try await run(test, checkout, diff: diff)
  }

  /// Runs all tests of a project, or the quick ones, several at once; the results are in the order of the tests.
  package func runAll(
    project: String, diff diffID: String? = nil, quickOnly: Bool
  ) async throws -> [TestRun] {
    let all = try await tests.testCases(project: project).filter { !quickOnly || $0.quickTest }
    let diff = try await diff(diffID, of: project)
    let checkout = try await checkout(of: project, diff: diff)
    let runs = try await withThrowingTaskGroup(of: (Int, TestRun).self) { group in
      for (index, test) in all.enumerated() {
        group.addTask { (index, try await self.run(test, checkout, diff: diff)) }
      }
      return try await group.reduce(into: [TestRun?](repeating: nil, count: all.count)) { $0[$1.0] = $1.1 }
    }.compactMap(\.self)
    if let diff { try await keep(runs, on: diff, tree: checkout.tree.hex) }
    return runs
  }

  /// Runs all tests of a diff's project against what the diff proposes.
  package func runAll(diff id: String, quickOnly: Bool) async throws -> [TestRun] {
    try await runAll(project: try await diffs.diff(id).projectId, diff: id, quickOnly: quickOnly)
  }

  private func diff(_ id: String?, of project: String) async throws -> DiffRecord? {
    guard let id else { return nil }
    let diff = try await diffs.diff(id)
    guard diff.projectId == project else { throw ServiceError(.notFound, "Diff not found") }
    return diff
  }

  private func run(_ test: TestCaseRecord, _ checkout: Checkout, diff: DiffRecord?) async throws -> TestRun {
    try await slots.run {
      let run = try await self.meter.whileRunning { try await self.runNow(test, checkout, diff: diff) }
      self.meter.note(run.result.status)
      return run
    }
  }

  private func runNow(_ test: TestCaseRecord, _ checkout: Checkout, diff: DiffRecord?) async throws -> TestRun {
    var record = TestResultRecord(
      id: UUIDv7.make(), testCaseId: test.id, status: .error, createdAt: Timestamp.now.text)
    record.diffId = diff?.id
    record.tree = checkout.tree.hex
    record.traceId = "trace_\(record.id.replacing("-", with: ""))"
    let policy = try await policy(for: test, checkout)
    let progress = TestProgress(test: test, result: record, diff: diff, journal: journal)
    await progress.start()
    let result = try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await progress.run() }
      defer { group.cancelAll() }
      do { return try await self.sandbox.run(policy, observer: progress.observe) } catch {
        throw ServiceError(.unavailable, "the test cannot be run: \(error)")
      }
    }
    await progress.end()
    guard !sandbox.isStopping else { throw ServiceError(.unavailable, "the daemon is stopping; run the test again") }
    guard !result.isCancelled else { throw CancellationError() }
    record.take(result, missing: sandbox.missing)
    record.redact(journal.redactor)
    let run = TestRun(test: test, result: record, policy: policy)
    // Not synced: after a power cut a test can be run again, and waiting for the disk takes as long as a short one.
    try await journal.append(isDurable: false) { [record] db, events in
      // The test may have been removed while it ran.
      if try db.testCase(id: test.id) != nil { try db.insert(record) }
      events.append(NewEvent("test_completed", topics: progress.topics, data: run.event))
    }
    return run
  }

  private func policy(for test: TestCaseRecord, _ checkout: Checkout) async throws -> SandboxPolicy {
    let layout: PythonInstallation.Layout
    do { layout = try await python.resolve() } catch {
      throw ServiceError(.unavailable, error.message)
    }
    var policy: SandboxPolicy
    if let command = test.command {
      policy = SandboxPolicy(python: layout, [])
      let folder = layout.executable.prefix(upTo: layout.executable.lastIndex(of: "/") ?? layout.executable.startIndex)
      policy.environment["PATH"] = "\(folder):/usr/local/bin:/usr/bin:/bin"
      policy.path = "/bin/sh"
      policy.arguments = ["-c", command]
    } else {
      policy = SandboxPolicy(python: layout, ["-I", "-u", TestRunnerProgram.path])
      policy.files = [.init(path: TestRunnerProgram.path, content: TestRunnerProgram.bytes)]
      policy.startsAhead = checkout.isSmall
      policy.input = TestRunnerProgram.orders(test, checkout)
    }
    policy.environment["PYTHONDONTWRITEBYTECODE"] = "1"
    if !policy.startsAhead { policy.files += checkout.files }
    policy.wallTime = test.quickTest ? bounds.quickTimeout : bounds.timeout
    policy.processorTime = (policy.wallTime ?? bounds.timeout) + .seconds(1)
    return policy
  }
}

extension TestRunner {
  private func checkout(of id: String, diff: DiffRecord?) async throws -> Checkout {
    let project = try await projects.project(id)
    let name: ObjectID
    if let diff {
      guard let proposal = ObjectID(diff.proposalTree) else {
        throw ServiceError(.wrongState, "the diff's tree cannot be read")
      }
      name = proposal
    } else {
      guard let head = project.currentCommit.flatMap(ObjectID.init) else {
        throw ServiceError(.wrongState, "the project has no commit to test")
      }
      name = head
    }
    if let known = checkouts[name] { return known }
    let repository = projects.repositories.reader(project.repositoryPath)
    let tree = diff == nil ? try await repository.tree(of: name) : name
    let files = try await repository.checkout(of: tree, limit: 48 << 20)
    let checkout = Checkout(
      tree: tree, entry: try await repository.entryPath(in: tree),
      files: files.map { SandboxPolicy.File(path: $0.path, mode: $0.mode, content: $0.content) })
    checkouts[name] = checkout
    return checkout
  }

  /// Keeps the verdicts on the diff with the tree that they are about, so that stale ones show.
  private func keep(_ runs: [TestRun], on diff: DiffRecord, tree: String) async throws {
    let results = JSONValue.array(runs.map(\.json)).encodedText
    let topics = [Topic.project(diff.projectId), Topic.diff(diff.id)]
    try await journal.append { db, events in
      guard var diff = try db.diff(id: diff.id) else { return }
      diff.testResults = results
      diff.testsRunAt = Timestamp.now.text
      diff.testedTree = tree
      try db.update(diff)
      events.append(NewEvent("diff.updated", topics: topics, data: DiffView.updated(diff)))
    }
  }
}
