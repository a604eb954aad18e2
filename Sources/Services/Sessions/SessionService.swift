import EventLog
import Git
package import JSON
import Platform
package import Store

/// Sessions: the conversations of a project, one about the whole of it and one about each node.
package struct SessionService: Sendable {
  private let projects: ProjectService
  private let journal: Journal

  /// Sessions of these projects.
  package init(projects: ProjectService) {
    self.projects = projects
    journal = projects.journal
  }

  /// The session of a project or of one of its nodes, made when there is none; limits become its budget.
  package func start(
    project id: String, type: String?, nodeID: String?, limits: BudgetLimits = BudgetLimits()
  ) async throws -> (session: SessionRecord, isNew: Bool) {
    let project = try await projects.project(id)
    guard type != "node" || nodeID?.isEmpty == false else {
      throw ServiceError(.invalid, "a node session needs the node's id", location: ["body", "node_id"])
    }
    let nodeID = nodeID?.isEmpty == false ? nodeID : nil
    let key = "project_\(project.slug)" + (nodeID.map { "_node_\($0)" } ?? "")
    let new = SessionRecord(
      id: UUIDv7.make(), projectId: id, openaiSessionKey: key,
      conversationsDbPath: projects.conversationPath(of: project),
      sessionType: nodeID != nil ? "node" : type ?? "global", nodeId: nodeID, createdAt: Timestamp.now.text)
    try limits.check()
    return try await insert(new, limits)
  }

  private func insert(
    _ new: SessionRecord, _ limits: BudgetLimits
  ) async throws -> (session: SessionRecord, isNew: Bool) {
    try await journal.append { db, events in
      guard try db.project(id: new.projectId) != nil else { throw ServiceError(.notFound, "Project not found") }
      let existing = try db.session(key: new.openaiSessionKey)
      if existing == nil { try db.insert(new) }
      if !limits.isUnlimited { try db.setBudget(limits.record(.init(scope: .session, id: existing?.id ?? new.id))) }
      if let existing { return (existing, false) }
      events.append(
        NewEvent("session.created", topics: [Topic.project(new.projectId)], data: SessionView.json(new)))
      return (new, true)
    }
  }

  /// A session.
  package func session(_ id: String) async throws -> SessionRecord {
    guard let session = try await journal.store.read({ db in try db.session(id: id) }) else {
      throw ServiceError(.notFound, "Session not found")
    }
    return session
  }

  /// The sessions of a project, of an owner's projects, or all.
  package func sessions(project id: String?, page: Page? = nil, owner: String? = nil) async throws -> [SessionRecord] {
    if let id { _ = try await projects.project(id) }
    return try await journal.store.read { db in try db.sessions(ofProject: id, page: page, owner: owner) }
  }

  /// Removes a session with its messages and what the agents remember of it.
  ///
  /// Its diffs that wait are rejected: there is nobody left to improve them, and their proposals are let go of.
  package func delete(_ id: String) async throws {
    let session = try await session(id)
    try await projects.disk.run {
      try ConversationFile(path: session.conversationsDbPath).clear(
        sessions: [session.openaiSessionKey, session.evaluatorKey])
    }
    try await projects.locks.withLock(session.projectId) {
      let proposals = try await journal.append { db, events in
        let diffs = try db.diffs(ofSession: id)
        for var diff in diffs where diff.isPending {
          diff.status = .humanRejected
          diff.humanFeedback = "The session was deleted"
          diff.updatedAt = Timestamp.now.text
          try db.update(diff)
          events.append(NewEvent("diff.updated", topics: diff.topics, data: DiffView.updated(diff)))
        }
        try db.deleteSession(id: id)
        events.append(
          NewEvent(
            "session.deleted", topics: [Topic.project(session.projectId), Topic.session(id)], data: ["id": .string(id)])
        )
        return diffs.filter { $0.status != .committed }.map(\.id)
      }
      let repository = projects.repositories.writer(try await projects.project(session.projectId).repositoryPath)
      for proposal in proposals { try await repository.removeReference(DiffService.reference(proposal)) }
    }
  }

  /// Starts a new session that remembers another up to a message of it.
  package func fork(_ id: String, after messageID: String) async throws -> SessionRecord {
    let parent = try await session(id)
    let history = try await messages(of: id)
    guard let last = history.first(where: { $0.id == messageID }) else {
      throw ServiceError(.notFound, "Message not found in this session")
    }
    // A message is forked with the whole of the work that it belongs to.
    guard let end = history.lastIndex(where: { $0.requestId == last.requestId }) else {
      throw ServiceError(.notFound, "Message not found in this session")
    }
    let forkID = UUIDv7.make()
    let kept = Array(history[...end])
    let fork = SessionRecord(
      id: forkID, projectId: parent.projectId, openaiSessionKey: "\(parent.openaiSessionKey)_fork_\(forkID)",
      conversationsDbPath: parent.conversationsDbPath, sessionType: parent.sessionType, nodeId: parent.nodeId,
      forkedFrom: parent.id, createdAt: Timestamp.now.text)
    let turns = Set(kept.map(\.requestId))
    try await finishMemory(of: turns)
    let file = ConversationFile(path: parent.conversationsDbPath)
    try await projects.disk.run {
      try file.fork(parent.openaiSessionKey, as: fork.openaiSessionKey, turns: turns) { "\(forkID)_\($0)" }
    }
    try await journal.append { db, events in
      try db.insert(fork)
      for message in kept { try db.insert(Self.copy(message, to: forkID, kept: kept)) }
      events.append(
        NewEvent("session.created", topics: [Topic.project(fork.projectId)], data: SessionView.json(fork)))
    }
    return fork
  }

  /// Makes sure that all work on these messages has ended and is remembered.
  private func finishMemory(of messages: Set<String>) async throws {
    let runs = try await journal.store.read { db in try messages.compactMap { try db.run(messageID: $0) } }
    for run in runs {
      guard run.state.isFinal else {
        throw ServiceError(.conflict, "the message \(run.messageId) is still being worked on; fork when it has ended")
      }
      try await remember(run)
    }
  }

  /// Puts what the agents must remember of finished work into the conversation file, once, whatever crashes between.
  func remember(_ run: RunRecord) async throws {
    // What was not written by this program says nothing.
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

  private static func copy(_ message: MessageRecord, to session: String, kept: [MessageRecord]) -> MessageRecord {
    var copy = message
    copy.id = "\(session)_\(message.id)"
    copy.requestId = "\(session)_\(message.requestId)"
    copy.sessionId = session
    return copy
  }

  /// The messages of a session, oldest first.
  package func messages(of id: String, page: Page? = nil) async throws -> [MessageRecord] {
    _ = try await session(id)
    return try await journal.store.read { db in try db.messages(ofSession: id, page: page) }
  }

  /// A message.
  package func message(_ id: String) async throws -> MessageRecord {
    guard let message = try await journal.store.read({ db in try db.message(id: id) }) else {
      throw ServiceError(.notFound, "Message not found")
    }
    return message
  }
}

extension SessionRecord {
  /// The key of the evaluator's memory.
  package var evaluatorKey: String { openaiSessionKey + "_evaluator" }
}

/// How a session looks to a client.
package enum SessionView {
  /// The fields of the wire format; the id stands in `session_id` too.
  package static func json(_ record: SessionRecord) -> JSONValue {
    [
      "id": .string(record.id), "session_id": .string(record.id), "project_id": .string(record.projectId),
      "openai_session_key": .string(record.openaiSessionKey),
      "conversations_db_path": .string(record.conversationsDbPath), "session_type": .string(record.sessionType),
      "node_id": JSONValue(record.nodeId), "forked_from": JSONValue(record.forkedFrom),
      "created_at": .string(record.createdAt), "updated_at": .string(record.updatedAt),
    ]
  }
}
