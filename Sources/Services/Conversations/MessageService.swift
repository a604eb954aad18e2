package import Agents
import EventLog
import JSON
package import Logging
package import ModelProviders
import Platform
package import PythonSource
import Store
import Synchronization

/// Messages and the work that they ask for.
///
///     queued -> running -> completed | failed | cancelled
///
/// The work is durable: it has a row before its sender is told anything, goes on when the sender is gone, and is taken
/// up again by the next start of the daemon when this one dies. It is done once, however often it is asked for.
package final class MessageService: Sendable {
  let projects: ProjectService
  let diffs: DiffService
  let sessions: SessionService
  let journal: Journal
  let python: PythonHelper
  let loop: ProposalLoop
  let logger: Logger
  private let sessionLocks = KeyedLock()
  private let work: AsyncStream<String>
  private let workInput: AsyncStream<String>.Continuation
  private let state = Mutex(State())

  private struct State {
    var waiters: [String: [CheckedContinuation<MessageResult?, Never>]] = [:]
    var cancellations: [String: Cancellation] = [:]
    var cancelled: Set<String> = []
    /// Messages that are queued or worked on by this process.
    var live: Set<String> = []
    /// Messages whose work could not even be ended, because the database failed.
    var abandoned: Set<String> = []
    var isStopping = false
  }

  /// How often work is begun before it is given up: more means that it kills the daemon.
  static let maximumAttempts = 3

  /// Messages of these projects, worked on by models of a provider.
  package init(
    projects: ProjectService, diffs: DiffService, provider: any ModelProvider, models: AgentModels,
    python: PythonHelper, logger: Logger
  ) {
    self.projects = projects
    self.diffs = diffs
    sessions = SessionService(projects: projects)
    journal = projects.journal
    loop = ProposalLoop(provider: provider, models: models)
    self.python = python
    self.logger = logger
    (work, workInput) = AsyncStream.makeStream(of: String.self)
  }

  /// Stores a message and begins its work, unless it is stored already; returns its id.
  ///
  /// Its cost counts to the access key.
  package func submit(
    session id: String, prompt: String, messageID: String?, keyID: String? = nil
  ) async throws -> (messageID: String, isNew: Bool) {
    let session = try await sessions.session(id)
    // Not even the agents' provider needs a secret that somebody pasted.
    let submission = Submission(
      session: id, project: session.projectId, prompt: journal.redactor.redact(prompt),
      messageID: messageID ?? UUIDv7.make(), keyID: keyID)
    let isNew = try await journal.append { db, events in
      guard try db.session(id: id) != nil else { throw ServiceError(.notFound, "Session not found") }
      return try submission.insert(into: db, &events)
    }
    if isNew { begin(submission.messageID) }
    return (submission.messageID, isNew)
  }

  /// Begins the work of a submission that was stored; false when it was not.
  func begin(_ submission: Submission) async throws -> Bool {
    let run = try await journal.store.read { db in try db.run(messageID: submission.messageID) }
    if run != nil { begin(submission.messageID) }
    return run != nil
  }

  /// The result of a message's work, when it has ended.
  ///
  /// - Throws: `ServiceError.unavailable` when the daemon stops first; the next one goes on with the work.
  package func result(of messageID: String) async throws -> MessageResult {
    while true {
      guard let run = try await journal.store.read({ db in try db.run(messageID: messageID) }) else {
        throw ServiceError(.notFound, "Message not found")
      }
      if run.state.isFinal { return MessageResult(json: .encoded(run.result ?? "null")) }
      if let result = await wait(for: messageID) { return result }
      if state.withLock({ $0.isStopping || $0.abandoned.contains(messageID) }) {
        throw ServiceError(
          .unavailable, "the server is stopping; the work goes on at its next start: ask again with this message_id",
          members: [("message_id", .string(messageID))])
      }
    }
  }

  /// Waits until work that is at hand ends; nil when it has to be looked up.
  private func wait(for messageID: String) async -> MessageResult? {
    await withCheckedContinuation { continuation in
      let isAtHand = state.withLock { state -> Bool in
        guard !state.isStopping, state.live.contains(messageID) else { return false }
        state.waiters[messageID, default: []].append(continuation)
        return true
      }
      if !isAtHand { continuation.resume(returning: nil) }
    }
  }

  /// Stops the work of a session's messages; returns how many were open.
  package func cancel(session id: String) async throws -> Int {
    _ = try await sessions.session(id)
    let open = try await journal.store.read { db in try db.openRuns(ofSession: id) }
    for run in open { await cancel(run.messageId) }
    return open.count
  }

  private func cancel(_ messageID: String) async {
    let cancellation = state.withLock { state -> Cancellation? in
      state.cancelled.insert(messageID)
      return state.cancellations[messageID]
    }
    cancellation?.cancel()
  }

  /// Queues the work that an earlier run of the daemon left open, and puts into the agents' memory what it left out.
  ///
  /// Must have returned before anybody can ask for a result.
  package func restore() async throws {
    for run in try await journal.store.read({ db in try db.runsWithMemory() }) { try await sessions.remember(run) }
    for run in try await journal.store.read({ db in try db.openRuns() }) { begin(run.messageId) }
  }

  private func begin(_ messageID: String) {
    state.withLock { _ = $0.live.insert(messageID) }
    workInput.yield(messageID)
  }

  /// Works on messages until `stop`.
  package func run() async {
    await withTaskGroup(of: Void.self) { group in
      for await messageID in work {
        group.addTask { await self.take(messageID) }
      }
      group.cancelAll()
    }
  }

  /// Lets `run` return; work at hand is left to the next start.
  package func stop() {
    let waiters = state.withLock { state in
      state.isStopping = true
      defer { state.waiters = [:] }
      return state.waiters.values.flatMap(\.self)
    }
    workInput.finish()
    for waiter in waiters { waiter.resume(returning: nil) }
  }

  /// Works on one message; those of one session follow each other.
  private func take(_ messageID: String) async {
    do {
      guard let run = try await journal.store.read({ db in try db.run(messageID: messageID) }) else { return }
      let result = try await sessionLocks.withLock(run.sessionId) { try await work(on: messageID) }
      settle(messageID, result)
    } catch is CancellationError {
      // The daemon stops: the row says that the work is open.
    } catch {
      logger.error("work on a message failed", metadata: ["message": "\(messageID)", "error": "\(error)"])
      state.withLock { _ = $0.abandoned.insert(messageID) }
      settle(messageID, nil)
    }
  }

  private func settle(_ messageID: String, _ result: MessageResult?) {
    let waiters = state.withLock { state in
      state.live.remove(messageID)
      return state.waiters.removeValue(forKey: messageID) ?? []
    }
    for waiter in waiters { waiter.resume(returning: result) }
  }

  private func work(on messageID: String) async throws -> MessageResult {
    try Task.checkCancellation()
    let cancellation = Cancellation()
    let isCancelled = state.withLock { state -> Bool in
      state.cancellations[messageID] = cancellation
      return state.cancelled.contains(messageID)
    }
    if isCancelled { cancellation.cancel() }
    defer {
      state.withLock { state in
        state.cancellations[messageID] = nil
        state.cancelled.remove(messageID)
      }
    }
    return try await MessageWork(service: self, messageID: messageID, cancellation: cancellation).run()
  }
}
