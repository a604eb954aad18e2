import EventLog
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

  /// The session of a project or of one of its nodes, made when there is none.
  package func start(
    project id: String, type: String?, nodeID: String?
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
    return try await insert(new)
  }

  private func insert(_ new: SessionRecord) async throws -> (session: SessionRecord, isNew: Bool) {
    try await journal.append { db, events in
      guard try db.project(id: new.projectId) != nil else { throw ServiceError(.notFound, "Project not found") }
      if let existing = try db.session(key: new.openaiSessionKey) { return (existing, false) }
      try db.insert(new)
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

  /// The sessions of a project, or all.
  package func sessions(project id: String?, page: Page? = nil) async throws -> [SessionRecord] {
    if let id { _ = try await projects.project(id) }
    return try await journal.store.read { db in try db.sessions(ofProject: id, page: page) }
  }

  /// Removes a session with its messages and what the agents remember of it.
  package func delete(_ id: String) async throws {
    let session = try await session(id)
    try await projects.disk.run {
      try ConversationFile(path: session.conversationsDbPath).clear(
        sessions: [session.openaiSessionKey, session.evaluatorKey])
    }
    try await journal.append { db, events in
      try db.deleteSession(id: id)
      events.append(
        NewEvent(
          "session.deleted", topics: [Topic.project(session.projectId), Topic.session(id)], data: ["id": .string(id)]))
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
    let turns = Set(kept.map(\.requestId)).count
    let fork = SessionRecord(
      id: forkID, projectId: parent.projectId, openaiSessionKey: "\(parent.openaiSessionKey)_fork_\(forkID)",
      conversationsDbPath: parent.conversationsDbPath, sessionType: parent.sessionType, nodeId: parent.nodeId,
      forkedFrom: parent.id, createdAt: Timestamp.now.text)
    let file = ConversationFile(path: parent.conversationsDbPath)
    try await projects.disk.run {
      let items = Self.items(try file.items(session: parent.openaiSessionKey), turns: turns)
      try file.append(turn: "fork_\(forkID)", items.map { (fork.openaiSessionKey, $0) })
    }
    try await journal.append { db, events in
      try db.insert(fork)
      for message in kept { try db.insert(Self.copy(message, to: forkID, kept: kept)) }
      events.append(
        NewEvent("session.created", topics: [Topic.project(fork.projectId)], data: SessionView.json(fork)))
    }
    return fork
  }

  /// The items of so many turns: each turn begins with what the user said.
  private static func items(_ items: [String], turns: Int) -> [String] {
    var seen = 0
    return Array(
      items.prefix { item in
        let value = try? JSONParser.parse(item)
        let isRetry = value?["content"]?.string?.hasPrefix("The evaluator rejected your patch.") == true
        if value?["role"]?.string == "user", !isRetry { seen += 1 }
        return seen <= turns
      })
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
