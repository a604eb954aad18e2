import Agents
import EventLog
import GRDB
import Git
import JSON
import Logging
import ModelProviders
import Platform
import PythonSource
import Store

/// The work on one message, from its row to its result.
struct MessageWork {
  let service: MessageService
  let messageID: String
  let cancellation: Cancellation

  private struct Context {
    let run: RunRecord
    let session: SessionRecord
    let project: ProjectRecord
    let recorder: RunRecorder
    let head: ObjectID
    let tree: ObjectID
  }

  /// Begins or takes up the work, ends it, and returns its result.
  ///
  /// - Throws: `CancellationError` when the daemon stops; the work is open then.
  func run() async throws -> MessageResult {
    guard let run = try await begin() else { return try await stored() }
    guard let session = try await service.journal.store.read({ db in try db.session(id: run.sessionId) }) else {
      throw ServiceError(.notFound, "Session not found")
    }
    let recorder = RunRecorder(
      journal: service.journal, projectID: session.projectId, sessionID: session.id, requestID: messageID,
      traceID: run.traceId)
    guard run.attempts <= MessageService.maximumAttempts else {
      return try await finish(run, recorder, error: "the work was cut short \(run.attempts - 1) times and is given up")
    }
    do {
      return try await withThrowingTaskGroup(of: MessageResult?.self) { group in
        group.addTask { try await self.work(run, session, recorder) }
        group.addTask {
          await cancellation.wait()
          return nil
        }
        let result = try await group.next() ?? nil
        group.cancelAll()
        try Task.checkCancellation()
        guard let result else { throw Cancelled() }
        return result
      }
    } catch is Cancelled {
      return try await finish(run, recorder, state: .cancelled, error: "the work was cancelled")
    } catch let error as CancellationError {
      throw error
    } catch let error as ModelError {
      return try await finish(run, recorder, error: error.message)
    } catch let error as ServiceError {
      return try await finish(run, recorder, error: error.message)
    } catch {
      service.logger.error("work on a message failed", metadata: ["message": "\(messageID)", "error": "\(error)"])
      return try await finish(run, recorder, error: "something went wrong inside; the log names message \(messageID)")
    }
  }

  private struct Cancelled: Error {}
  /// The work was asked to stop while its end was being written: what was written stands.
  private struct HasEnded: Error {}

  /// Marks the work as begun; nil when it has ended already.
  private func begin() async throws -> RunRecord? {
    let messageID = messageID
    return try await service.journal.append { db, events in
      guard var run = try db.run(messageID: messageID), !run.state.isFinal else { return nil }
      run.state = .running
      run.attempts += 1
      run.updatedAt = Timestamp.now.text
      try db.update(run)
      guard let session = try db.session(id: run.sessionId) else { return run }
      events.append(
        NewEvent(
          run.attempts == 1 ? "message.started" : "message.resumed",
          topics: [Topic.project(session.projectId), Topic.session(session.id)],
          data: [
            "message_id": .string(messageID), "session_id": .string(session.id), "trace_id": .string(run.traceId),
            "attempt": .integer(run.attempts),
          ]))
      return run
    }
  }

  private func stored() async throws -> MessageResult {
    let messageID = messageID
    let run = try await service.journal.store.read { db in try db.run(messageID: messageID) }
    if let run { try await service.sessions.remember(run) }
    return MessageResult(json: .encoded(run?.result ?? "null"))
  }

  private func work(_ run: RunRecord, _ session: SessionRecord, _ recorder: RunRecorder) async throws -> MessageResult {
    let project = try await service.projects.project(session.projectId)
    let repository = service.projects.repositories.reader(project.repositoryPath)
    guard let name = project.currentCommit, let head = ObjectID(name) else {
      throw ServiceError(.wrongState, "the project's repository has no commit")
    }
    let tree = try await repository.tree(of: head)
    let files = try await files(in: tree, of: repository)
    var task = ProposalTask(
      prompt: run.prompt, files: files, node: await node(session.nodeId, in: files),
      rejected: try await rejected(run.parentDiffId))
    let memory = SessionMemory(
      disk: service.projects.disk, journal: service.journal, file: ConversationFile(path: session.conversationsDbPath),
      sessionID: session.id, topics: recorder.topics)
    task.memory = try await memory.items(
      session.openaiSessionKey, room: service.loop.room(for: AllAgents.vibecoder, task))
    task.evaluatorMemory = try await memory.items(
      session.evaluatorKey, room: service.loop.room(for: AllAgents.evaluator, task))
    let environment = RunEnvironment(
      repository: repository, writer: service.projects.repositories.writer(project.repositoryPath), tree: tree,
      python: service.python, recorder: recorder)
    let caller = ModelCaller(
      projectID: project.id, sessionID: session.id, messageID: messageID, keyID: run.keyId)
    let outcome = try await ModelCaller.$current.withValue(caller) {
      try await service.loop.run(task, in: environment)
    }
    let context = Context(run: run, session: session, project: project, recorder: recorder, head: head, tree: tree)
    return try await finish(context, outcome)
  }

  /// The definition that a node session is about, as the entry file has it now.
  private func node(_ id: String?, in files: [ProposalTask.File]) async -> ProposalTask.Node? {
    guard let id else { return nil }
    guard let entry = files.first else { return .missing(name: id, known: []) }
    let nodes: [JSONValue]
    do { nodes = try await service.python.nodes(path: entry.path, source: entry.text).array ?? [] } catch {
      return .unreadable(name: id, reason: (error as? PythonSourceError)?.message ?? "\(error)")
    }
    let keys = ["id", "name", "variable"]
    guard let node = keys.lazy.compactMap({ key in nodes.first { $0[key]?.string == id } }).first,
      let first = node["line_start"]?.integer, let last = node["line_end"]?.integer, first >= 1, first <= last
    else { return .missing(name: id, known: nodes.compactMap { $0["name"]?.string }) }
    let lines = entry.text.split(separator: "\n", omittingEmptySubsequences: false)
    let text = lines.dropFirst(first - 1).prefix(last - first + 1).joined(separator: "\n")
    func names(_ key: String) -> [String] { (node[key]?.array ?? []).compactMap(\.string) }
    return .found(
      name: node["name"]?.string ?? id, path: entry.path, lines: first...last, text: String(text.prefix(20_000)),
      tools: names("tools"), handoffs: names("handoffs"))
  }

  /// The patch that a person rejected with the words that are this message.
  private func rejected(_ id: String?) async throws -> ProposalTask.Rejected? {
    guard let id else { return nil }
    let diff = try await service.journal.store.read { db in try db.diff(id: id) }
    return diff.map { .init(prompt: $0.vibecoderPrompt, patch: $0.diffContent) }
  }

  /// The Python files of a tree, the entry file first, as far as an agent can look at them.
  private func files(in tree: ObjectID, of repository: Repository) async throws -> [ProposalTask.File] {
    let entries = try await repository.entries(of: tree, withSizes: false).filter {
      $0.kind == .file && $0.path.hasSuffix(".py")
    }
    let entry = EntryFile.choose(from: entries.map(\.path))
    var files: [ProposalTask.File] = []
    for path in entries.map(\.path).sorted(by: { ($0 == entry ? 0 : 1, $0) < ($1 == entry ? 0 : 1, $1) }).prefix(200) {
      guard let file = try await repository.file(try RepositoryPath(path), in: tree) else { continue }
      files.append(.init(path: path, text: String(decoding: file.content, as: UTF8.self)))
    }
    return files
  }

  /// Ends work that came to an outcome: its diff, its last message and its result are stored in one transaction.
  private func finish(_ context: Context, _ outcome: ProposalOutcome) async throws -> MessageResult {
    let (run, session) = (context.run, context.session)
    var made: DiffService.Made?
    var content: String?
    var (error, feedback): (String?, String?)
    switch outcome.result {
    case .answer(let text): content = text
    case .rejected(let last):
      (error, feedback) = ("no patch was approved in \(ProposalLoop.maximumIterations) attempts", last)
      content = "Maximum iteration limit reached without approval"
    case .approved(let proposal, let evaluation, _):
      made = try await makeDiff(context, proposal, evaluation)
    }
    let diff = made?.diff
    let result = MessageResult(
      sessionID: session.id, messageID: messageID, traceID: run.traceId, content: content, diffID: diff?.id,
      patch: diff?.diffContent, usage: outcome.usage, error: error, feedback: feedback)
    var row = context.recorder.row(type: "run_result", agent: AllAgents.vibecoder.name, iteration: nil)
    if let response = outcome.lastResponse {
      context.recorder.fill(&row, with: response, agent: AllAgents.vibecoder.name, iteration: 0)
      row.newItems = JSONValue.array(response.items).encodedText
    }
    row.content = content ?? diff?.commitMessage
    row.finalOutput = row.content
    row.lastAgent = diff == nil ? AllAgents.vibecoder.name : AllAgents.evaluator.name
    row.diffId = diff?.id
    let memory: JSONValue = [
      "vibecoder": .array(outcome.memory), "evaluator": .array(outcome.evaluatorMemory),
    ]
    return try await store(run, context.recorder, row: row, made: made, result: result, memory: memory)
  }

  /// Ends work that came to nothing.
  private func finish(
    _ run: RunRecord, _ recorder: RunRecorder, state: RunRecord.State = .failed, error: String
  ) async throws -> MessageResult {
    let result = MessageResult(
      sessionID: run.sessionId, messageID: messageID, traceID: run.traceId, content: error, error: error)
    var row = recorder.row(role: "system", type: "run_result", agent: nil, iteration: nil)
    row.content = error
    return try await store(run, recorder, row: row, made: nil, result: result, memory: nil, state: state)
  }

  /// Stores how the work ended; returns its result as it is stored and shown, without secrets.
  private func store(
    _ run: RunRecord, _ recorder: RunRecorder, row: MessageRecord, made: DiffService.Made?, result: MessageResult,
    memory: JSONValue?, state: RunRecord.State = .completed
  ) async throws -> MessageResult {
    let redactor = service.journal.redactor
    var (run, row) = (run, row)
    row.redact(redactor)
    let encoded = redactor.redact(result.json.encodedText)
    let result = MessageResult(json: .encoded(encoded))
    run.state = state
    run.result = encoded
    run.memory = (memory?.encodedText).map(redactor.redact)
    run.updatedAt = Timestamp.now.text
    let topics = recorder.topics
    let change: @Sendable (Database, inout [NewEvent]) throws -> Void = { [run, row] db, events in
      guard let stored = try db.run(messageID: run.messageId), !stored.state.isFinal else { throw HasEnded() }
      try db.insert(row)
      try db.update(run)
      events.append(NewEvent("conversation_message", topics: topics, data: MessageView.event(row)))
      events.append(NewEvent("message.\(state.rawValue)", topics: topics, data: result.json))
    }
    do {
      if let made { _ = try await service.diffs.store(made, change) } else { try await service.journal.append(change) }
    } catch is HasEnded {
      return try await stored()
    }
    try await service.sessions.remember(run)
    return result
  }

  /// Makes the diff of an approved proposal.
  private func makeDiff(
    _ context: Context, _ proposal: Proposal, _ evaluation: Evaluation
  ) async throws -> DiffService.Made {
    guard let tree = ObjectID(proposal.tree) else { throw GitError(.failed, "a proposal has no tree") }
    let redactor = service.journal.redactor
    return try await service.diffs.make(
      .init(
        sessionID: context.session.id, project: context.project, base: context.head, tree: tree,
        prompt: context.run.prompt, reasoning: redactor.redact(evaluation.reasoning),
        commitMessage: redactor.redact(evaluation.commitMessage), parentID: context.run.parentDiffId,
        traceID: context.run.traceId))
  }
}
