package import GRDB

/// A row of `terminals`.
package struct TerminalRecord: Record, Hashable {
  /// How it is.
  package enum State: String, Codable, Sendable, CaseIterable {
    /// Its program runs.
    case running
    /// Its program has ended.
    case exited
    /// Its program could not be started.
    case error
  }

  /// The table.
  package static let databaseTableName = "terminals"

  /// The id, a UUIDv7.
  package let id: String
  /// The project in whose work tree it runs.
  package let projectId: String
  /// The program and its arguments, a JSON array.
  package var command: String
  /// Its columns.
  package var columns: Int
  /// Its rows.
  package var rows: Int
  /// How it is.
  package var state: State
  /// The status with which it exited.
  package var exitCode: Int?
  /// The signal that ended it.
  package var signal: Int?
  /// Who ended it, or why it could not be started.
  package var reason: String?
  /// Bytes that it has written; stored at its end.
  package var writtenBytes = 0
  /// When it was made, RFC 3339.
  package let createdAt: String
  /// When it ended, RFC 3339.
  package var endedAt: String?

  /// A row with these values.
  package init(
    id: String, projectId: String, command: String, columns: Int, rows: Int, state: State, createdAt: String
  ) {
    self.id = id
    self.projectId = projectId
    self.command = command
    self.columns = columns
    self.rows = rows
    self.state = state
    self.createdAt = createdAt
  }
}

extension Database {
  /// The terminals, newest first; only those of one project, or of an owner's, when it is given.
  package func terminals(
    ofProject project: String? = nil, page: Page? = nil, owner: String? = nil
  ) throws -> [TerminalRecord] {
    let order = try order(of: "terminals", as: "t", newestFirst: true, page: page)
    return try SQLRequest<TerminalRecord>(
      """
      SELECT t.* FROM terminals t JOIN projects p ON p.id = t.project_id
      WHERE (\(project) IS NULL OR t.project_id = \(project)) AND (\(owner) IS NULL OR p.owner = \(owner)) \(order)
      """
    ).fetchAll(self)
  }

  /// The terminal of that id.
  package func terminal(id: String) throws -> TerminalRecord? {
    try TerminalRecord.first(self, "SELECT * FROM terminals WHERE id = ?", [id])
  }

  /// Those that run, as far as the database knows.
  package func runningTerminals() throws -> [TerminalRecord] {
    try TerminalRecord.fetchAll(self, sql: "SELECT * FROM terminals WHERE state = 'running'")
  }

  /// Removes a terminal's row; whether it was there.
  package func deleteTerminal(id: String) throws -> Bool {
    try execute(sql: "DELETE FROM terminals WHERE id = ?", arguments: [id])
    return changesCount > 0
  }

  /// Removes the oldest terminals of a project that have ended, but so many.
  package func deleteEndedTerminals(ofProject project: String, but count: Int) throws {
    try execute(
      sql: """
        DELETE FROM terminals WHERE id IN (
          SELECT id FROM terminals WHERE project_id = ? AND state <> 'running'
          ORDER BY created_at DESC, rowid DESC LIMIT -1 OFFSET ?)
        """, arguments: [project, count])
  }
}
