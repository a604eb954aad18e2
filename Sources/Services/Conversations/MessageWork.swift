import Agents
import EventLog
import Git
import JSON
import Logging
import ModelProviders
import Platform
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
    return MessageResult(json: .encoded(run?.result ?? "null"))
  }

  private func work(_ run: RunRecord, _ session: SessionRecord, _ recorder: RunRecorder) async throws -> MessageResult {
    let project = try await service.projects.project(session.projectId)
    let repository = service.projects.repositories.reader(project.repositoryPath)
    guard let name = project.currentCommit, let head = ObjectID(name) else {
      throw ServiceError(.wrongState, "the project's repository has no commit")
    }
    let tree = try await repository.tree(of: head)
    let memory = ConversationFile(path: session.conversationsDbPath)
    let task = ProposalTask(
      prompt: run.prompt, files: try await files(in: tree, of: repository), nodeID: session.nodeId,
      memory: try await remembered(session.openaiSessionKey, in: memory),
      evaluatorMemory: try await remembered(session.evaluatorKey, in: memory))
    let environment = RunEnvironment(
      repository: repository, writer: service.projects.repositories.writer(project.repositoryPath), tree: tree,
      python: service.python, recorder: recorder)
    let outcome = try await service.loop.run(task, in: environment)
    let context = Context(run: run, session: session, project: project, recorder: recorder, head: head, tree: tree)
    return try await finish(context, outcome)
  }

  private func remembered(_ key: String, in memory: ConversationFile) async throws -> [JSONValue] {
    try await service.projects.disk.run { try memory.items(session: key) }.compactMap { try? JSONParser.parse($0) }
  }

  /// The Python files of a tree, the entry file first, as far as an agent can look at them.
  private func files(in tree: ObjectID, of repository: Repository) async throws -> [ProposalTask.File] {
    let entries = try await repository.entries(of: tree).filter { $0.kind == .file && $0.path.hasSuffix(".py") }
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
    var diff: DiffRecord?
    var content: String?
    var (error, feedback): (String?, String?)
    switch outcome.result {
    case .answer(let text): content = text
    case .rejected(let last):
      (error, feedback) = ("no patch was approved in \(ProposalLoop.maximumIterations) attempts", last)
      content = "Maximum iteration limit reached without approval"
    case .approved(let proposal, let evaluation, _):
      diff = try await makeDiff(context, proposal, evaluation)
    }
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
    try await store(run, context.recorder, row: row, diff: diff, result: result, memory: memory)
    return result
  }

  /// Ends work that came to nothing.
  private func finish(
    _ run: RunRecord, _ recorder: RunRecorder, state: RunRecord.State = .failed, error: String
  ) async throws -> MessageResult {
    let result = MessageResult(
      sessionID: run.sessionId, messageID: messageID, traceID: run.traceId, content: error, error: error)
    var row = recorder.row(role: "system", type: "run_result", agent: nil, iteration: nil)
    row.content = error
    try await store(run, recorder, row: row, diff: nil, result: result, memory: nil, state: state)
    return result
  }

  private func store(
    _ run: RunRecord, _ recorder: RunRecorder, row: MessageRecord, diff: DiffRecord?, result: MessageResult,
    memory: JSONValue?, state: RunRecord.State = .completed
  ) async throws {
    var run = run
    run.state = state
    run.result = result.json.encodedText
    run.memory = memory?.encodedText
    run.updatedAt = Timestamp.now.text
    let topics = recorder.topics
    try await service.journal.append { [run] db, events in
      if let diff { try db.insert(diff) }
      try db.insert(row)
      try db.update(run)
      if let diff {
        events.append(
          NewEvent("diff_created", topics: topics + [Topic.diff(diff.id)], data: DiffView.created(diff)))
      }
      events.append(NewEvent("conversation_message", topics: topics, data: MessageView.event(row)))
      events.append(NewEvent("message.\(state.rawValue)", topics: topics, data: result.json))
    }
    try await service.remember(run)
  }

  /// Keeps the proposed tree in the repository and makes the diff's row.
  private func makeDiff(
    _ context: Context, _ proposal: Proposal, _ evaluation: Evaluation
  ) async throws -> DiffRecord {
    let id = UUIDv7.make()
    guard let tree = ObjectID(proposal.tree) else { throw GitError(.failed, "a proposal has no tree") }
    let repository = service.projects.repositories.writer(context.project.repositoryPath)
    try await repository.setReference("refs/proposals/\(id)", to: tree, note: "proposal")
    let now = try await repository.head().commit
    let headTree = try await repository.tree(of: now ?? context.head)
    let merge = try await repository.merge(base: context.tree, ours: headTree, theirs: tree)
    var diff = DiffRecord(
      id: id, sessionId: context.session.id, projectId: context.project.id, baseCommit: context.head.hex,
      targetBranch: context.project.currentBranch, diffContent: proposal.diff, status: .evaluatorApproved,
      proposalTree: tree.hex, mergeStatus: .clean, mergeConflicts: "[]", vibecoderPrompt: context.run.prompt,
      evaluatorReasoning: evaluation.reasoning, commitMessage: evaluation.commitMessage,
      parentDiffId: context.run.parentDiffId, traceId: context.run.traceId, createdAt: Timestamp.now.text)
    diff.apply(merge, headTree: headTree)
    return diff
  }
}

extension MessageService {
  /// Puts what the agents must remember of finished work into the conversation file, once, whatever crashes between.
  func remember(_ run: RunRecord) async throws {
    guard let memory = run.memory, let value = try? JSONParser.parse(memory) else { return }
    guard let session = try await journal.store.read({ db in try db.session(id: run.sessionId) }) else { return }
    let items =
      (value["vibecoder"]?.array ?? []).map { (session.openaiSessionKey, $0.encodedText) }
      + (value["evaluator"]?.array ?? []).map { (session.evaluatorKey, $0.encodedText) }
    try await projects.disk.run {
      try ConversationFile(path: session.conversationsDbPath).append(turn: run.messageId, items)
    }
    try await journal.append { db, _ in
      guard var run = try db.run(messageID: run.messageId) else { return }
      run.memory = nil
      try db.update(run)
    }
  }
}
