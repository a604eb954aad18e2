import EventLog
import JSON
package import Logging
package import Platform
package import PythonSource
package import Sandbox
package import Store
import Synchronization
import Terminal

/// The terminals of projects: a row each, and a session in memory as long as it runs and for a while afterwards.
///
///     running -> exited
///     error (could not be started)
///
/// None outlives the daemon: a row that says `running` at a start is brought up to what happened.
package final class TerminalService: Sendable {
  let projects: ProjectService
  private let sandbox: Sandbox
  private let python: PythonInstallation
  private let bounds: TerminalBounds
  private let logger: Logger
  private let loop: EventLoop
  private let started: AsyncStream<Live>
  private let startedInput: AsyncStream<Live>.Continuation
  let state = Mutex(State())
  var journal: Journal { projects.journal }

  /// Sessions that have ended and whose output is still kept.
  private static let keptEnded = 32
  /// Rows of a project's terminals that have ended.
  private static let keptRows = 100

  /// A terminal in memory.
  struct Live: Sendable {
    let session: TerminalSession
    let record: TerminalRecord
  }

  struct State {
    /// Those that run, and those that are about to, by project.
    var counts: [String: Int] = [:]
    /// The ids of those that run, until somebody has seen them end.
    var counted: Set<String> = []
    var live: [String: Live] = [:]
    /// Those of `live` that have ended, oldest first.
    var ended: [String] = []
    var isStopping = false
  }

  /// Terminals of these projects.
  ///
  /// - Throws: `SystemError` when the system has no threads left.
  package init(
    projects: ProjectService, sandbox: Sandbox, python: PythonInstallation, bounds: TerminalBounds, logger: Logger
  ) throws(SystemError) {
    self.projects = projects
    self.sandbox = sandbox
    self.python = python
    self.bounds = bounds
    self.logger = logger
    loop = try EventLoop(name: "terminals")
    (started, startedInput) = AsyncStream.makeStream(of: Live.self)
  }

  deinit { loop.stop() }

  /// Starts a program in a project's work tree; one that cannot be started is a terminal in the state `error`.
  ///
  /// - Throws: `ServiceError`.
  package func create(_ order: TerminalOrder) async throws -> TerminalRecord {
    let project = try await projects.project(order.project)
    try checkSandbox()
    try reserve(project.id)
    do {
      let record = try await start(order, in: project)
      if record.state != .running { release(project.id) }
      return record
    } catch {
      release(project.id)
      throw error
    }
  }

  private func start(_ order: TerminalOrder, in project: ProjectRecord) async throws -> TerminalRecord {
    var record = TerminalRecord(
      id: UUIDv7.make(), projectId: project.id, command: Self.encoded(order.command),
      columns: Int(order.size.columns), rows: Int(order.size.rows), state: .running, createdAt: Timestamp.now.text)
    // Without a Python of its own the terminal has the system's, if any.
    let layout = try? await python.resolve()
    do {
      let policy = try order.policy(
        workTree: project.repositoryPath, python: layout, bounds: bounds,
        isPrivate: sandbox.features.contains(.privateRoot))
      record.command = Self.encoded([policy.path] + policy.arguments)
      let terminal = try await sandbox.startTerminal(policy, size: order.size)
      let session = TerminalSession(
        terminal, size: order.size, bounds: .init(scrollback: bounds.scrollback, idle: bounds.idle), loop: loop)
      try await admit(Live(session: session, record: record))
      return record
    } catch let error as SandboxError {
      record.fail(error.message)
    } catch let error as TerminalNotStarted {
      record.fail(error.message)
    }
    try await keep(record)
    return record
  }

  /// Keeps the row of a terminal that has been started, and begins to follow it.
  private func admit(_ live: Live) async throws {
    let isStopping = state.withLock { state in
      state.live[live.record.id] = live
      state.counted.insert(live.record.id)
      return state.isStopping
    }
    do {
      guard !isStopping else { throw ServiceError(.unavailable, "the daemon is stopping; start the terminal again") }
      try await keep(live.record)
    } catch {
      // Who asked for it lets go of its place.
      state.withLock { state in
        state.live[live.record.id] = nil
        state.counted.remove(live.record.id)
      }
      // It has to be followed to be ended.
      startedInput.yield(live)
      await live.session.end(.deleted)
      throw error
    }
    startedInput.yield(live)
  }

  private static func encoded(_ words: [String]) -> String { JSONValue.array(words.map { .string($0) }).encodedText }

  private func keep(_ record: TerminalRecord) async throws {
    try await journal.append { db, events in
      guard try db.project(id: record.projectId)?.state == .ready else {
        throw ServiceError(.notFound, "Project not found")
      }
      try db.deleteEndedTerminals(ofProject: record.projectId, but: Self.keptRows - 1)
      try db.insert(record)
      events.append(Self.event("terminal.created", record))
    }
  }

  static func event(_ name: String, _ record: TerminalRecord) -> NewEvent {
    NewEvent(
      name, topics: [Topic.project(record.projectId), Topic.terminal(record.id)], data: TerminalView.json(record))
  }

  private func checkSandbox() throws(ServiceError) {
    guard sandbox.isSufficient else {
      throw ServiceError(
        .unavailable, "no terminal is started: the machine lacks what SANDBOX_REQUIRE wants; see /health/detailed")
    }
    // The whole work tree would have to be given to another user.
    guard sandbox.features.contains(.privateRoot) || !sandbox.features.contains(.unprivilegedUser) else {
      throw ServiceError(
        .unavailable, "no terminal is started: a daemon that runs as root needs the feature private-root for it")
    }
  }

  private func reserve(_ project: String) throws(ServiceError) {
    let refusal = state.withLock { state -> ServiceError? in
      if state.isStopping { return ServiceError(.unavailable, "the daemon is stopping; start the terminal again") }
      if state.counts.values.reduce(0, +) >= bounds.total {
        return ServiceError(
          .unavailable, "there are \(bounds.total) terminals already (TERMINAL_LIMIT); end one, or try again later")
      }
      if state.counts[project, default: 0] >= bounds.perProject {
        return ServiceError(
          .tooMany, "the project has \(bounds.perProject) terminals already (TERMINAL_PROJECT_LIMIT); end one first")
      }
      state.counts[project, default: 0] += 1
      return nil
    }
    if let refusal { throw refusal }
  }

  private func release(_ project: String) {
    state.withLock { $0.release(project) }
  }
}

extension TerminalService.State {
  /// Gives the place of a terminal that has ended to others, once.
  mutating func end(_ record: TerminalRecord) {
    if counted.remove(record.id) != nil { release(record.projectId) }
  }

  fileprivate mutating func release(_ project: String) {
    let count = counts[project, default: 1] - 1
    counts[project] = count == 0 ? nil : count
  }
}

extension TerminalService {
  /// The output of the newest ones that have ended stays at hand.
  private func keepOutput(of id: String) {
    state.withLock { state in
      guard state.live[id] != nil else { return }
      state.ended.append(id)
      if state.ended.count > Self.keptEnded { state.live[state.ended.removeFirst()] = nil }
    }
  }

  /// Brings the rows up to what an earlier run of the daemon, which is gone with its terminals, left open.
  package func restore() async throws {
    let open = try await journal.store.read { db in try db.runningTerminals() }
    guard !open.isEmpty else { return }
    try await journal.append { db, events in
      for var record in open {
        record.state = .exited
        record.reason = "the daemon ended while it ran"
        record.endedAt = Timestamp.now.text
        try db.update(record)
        events.append(Self.event("terminal.exited", record))
      }
    }
  }

  /// Looks after the terminals until `stop`, and until all have ended.
  package func run() async {
    await withDiscardingTaskGroup { group in
      for await live in started { group.addTask(executorPreference: loop.taskExecutor) { await self.follow(live) } }
    }
  }

  /// Ends all terminals, waits for it some seconds, and lets `run` return.
  package func stop() async {
    let sessions = state.withLock { state in
      state.isStopping = true
      return state.live.values.map(\.session)
    }
    for session in sessions { await session.end(.stopped) }
    for session in sessions { await session.waitForEnd() }
    startedInput.finish()
  }

  /// One terminal from its start to its end.
  private func follow(_ live: Live) async {
    defer { state.withLock { $0.end(live.record) } }
    guard let end = await live.session.run() else { return }
    var record = live.record
    record.state = .exited
    record.exitCode = end.exitCode
    record.signal = end.signal
    record.reason = end.reason?.rawValue
    record.writtenBytes = await live.session.written
    record.endedAt = Timestamp.now.text
    keepOutput(of: record.id)
    do {
      try await journal.append { [record] db, events in
        // It may have been deleted meanwhile.
        guard try db.terminal(id: record.id) != nil else { return }
        try db.update(record)
        events.append(Self.event("terminal.exited", record))
      }
    } catch {
      logger.error("the end of a terminal was not kept", metadata: ["terminal": "\(record.id)", "error": "\(error)"])
    }
  }
}

extension TerminalRecord {
  /// Takes over why it could not be started.
  fileprivate mutating func fail(_ message: String) {
    state = .error
    reason = message
    endedAt = Timestamp.now.text
  }
}
