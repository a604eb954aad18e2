package import GRDB

/// What belongs to somebody, since it hangs on a project: whoever owns the project owns it.
///
/// A table that hangs on projects is added here, and all of its routes and topics are guarded.
package enum OwnedKind: String, CaseIterable, Sendable {
  case project, session, message, diff, test, result, terminal

  /// The kind whose ids follow a segment of a path: `projects`, `sessions`, ...
  package init?(segment: some StringProtocol) {
    guard segment.hasSuffix("s") else { return nil }
    self.init(rawValue: String(segment.dropLast()))
  }

  /// The kind whose ids a member of a body or a query holds: `project_id`, `after_message_id`, ...
  package init?(member: some StringProtocol) {
    // The client's own name for what it is about to make.
    guard member.hasSuffix("_id"), member != "message_id" else { return nil }
    let words = member.dropLast(3).split(separator: "_")
    self.init(rawValue: String(words.last ?? ""))
  }

  /// The table.
  var table: String {
    switch self {
    case .project: "projects"
    case .session: "vibecode_sessions"
    case .message: "conversation_messages"
    case .diff: "diffs"
    case .test: "test_cases"
    case .result: "test_results"
    case .terminal: "terminals"
    }
  }

  /// From a row `x` of the table to its project `p`.
  private var join: String {
    switch self {
    case .project: "JOIN projects p ON p.id = x.id"
    case .session, .diff, .test, .terminal: "JOIN projects p ON p.id = x.project_id"
    case .result: "JOIN test_cases t ON t.id = x.test_case_id JOIN projects p ON p.id = t.project_id"
    case .message: "JOIN vibecode_sessions s ON s.id = x.session_id JOIN projects p ON p.id = s.project_id"
    }
  }

  /// The query for the owner of the row of an id; who has a project made may follow how.
  var query: String { "SELECT p.owner FROM \(table) x \(join) WHERE x.id = ? AND p.state != 'deleting'" }
}

extension Database {
  /// Whether there is an object of that id and an owner's.
  package func isOwned(_ kind: OwnedKind, id: String, by owner: String) throws -> Bool {
    guard let row = try Row.fetchOne(cachedStatement(sql: kind.query), arguments: [id]) else { return false }
    let found: String? = row[0]
    return found == owner
  }
}
