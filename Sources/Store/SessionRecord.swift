package import GRDB

/// A row of `vibecode_sessions`.
package struct SessionRecord: Record, Hashable {
  /// The table.
  package static let databaseTableName = "vibecode_sessions"

  /// The id, a UUIDv7.
  package var id: String
  /// The project.
  package var projectId: String
  /// The key of its memory in the conversation file.
  package var openaiSessionKey: String
  /// The conversation file.
  package var conversationsDbPath: String
  /// `global`, `node` or `vibecode`.
  package var sessionType: String
  /// The node that a node session is about.
  package var nodeId: String?
  /// The session that this one was forked from.
  package var forkedFrom: String?
  /// When the row was made, RFC 3339.
  package var createdAt: String
  /// When the row was last written, RFC 3339.
  package var updatedAt: String

  /// A row with these values.
  package init(
    id: String,
    projectId: String,
    openaiSessionKey: String,
    conversationsDbPath: String,
    sessionType: String,
    nodeId: String? = nil,
    forkedFrom: String? = nil,
    createdAt: String
  ) {
    self.id = id
    self.projectId = projectId
    self.openaiSessionKey = openaiSessionKey
    self.conversationsDbPath = conversationsDbPath
    self.sessionType = sessionType
    self.nodeId = nodeId
    self.forkedFrom = forkedFrom
    self.createdAt = createdAt
    updatedAt = createdAt
  }
}

extension Database {
  /// The sessions whose project is ready, newest first; only those of one project, or of an owner's, when it is given.
  package func sessions(
    ofProject project: String? = nil, page: Page? = nil, owner: String? = nil
  ) throws -> [SessionRecord] {
    let order = try order(of: "vibecode_sessions", as: "s", newestFirst: true, page: page)
    return try SQLRequest<SessionRecord>(
      """
      SELECT s.* FROM vibecode_sessions s JOIN projects p ON p.id = s.project_id
      WHERE p.state = 'ready' AND (\(project) IS NULL OR s.project_id = \(project))
        AND (\(owner) IS NULL OR p.owner = \(owner)) \(order)
      """
    ).fetchAll(self)
  }

  /// The session of that id.
  package func session(id: String) throws -> SessionRecord? {
    try SessionRecord.first(
      self,
      """
      SELECT s.* FROM vibecode_sessions s JOIN projects p ON p.id = s.project_id
      WHERE s.id = ? AND p.state = 'ready'
      """,
      [id])
  }

  /// The session of that memory key.
  package func session(key: String) throws -> SessionRecord? {
    try SessionRecord.first(self, "SELECT * FROM vibecode_sessions WHERE openai_session_key = ?", [key])
  }

  /// Removes a session with its messages; its diffs stay with the project.
  package func deleteSession(id: String) throws {
    try execute(sql: "DELETE FROM vibecode_sessions WHERE id = ?", arguments: [id])
  }
}
