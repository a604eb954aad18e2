import Foundation
import GRDB

/// The memory of a project's agents: a SQLite file in the layout of the OpenAI Agents SDK's `SQLiteSession`, so that the
/// Python SDK opens it and goes on with the conversation.
///
/// Each call opens the file and closes it again: turns are rare, and the file may be removed with its project.
package struct ConversationFile: Sendable {
  /// Where the file is.
  package let path: String

  /// The memory in that file, which is made when it is first written.
  package init(path: String) { self.path = path }

  /// The items of a session, oldest first, each a Responses input item as JSON; none when there is no such file.
  package func items(session: String) throws -> [String] {
    guard FileManager.default.fileExists(atPath: path) else { return [] }
    return try open().read { db in
      try String.fetchAll(
        db, sql: "SELECT message_data FROM agent_messages WHERE session_id = ? ORDER BY id", arguments: [session])
    }
  }

  /// Appends items to sessions, once for each `turn`: a turn that was appended before a crash is not appended again.
  package func append(turn: String, _ items: [(session: String, item: String)]) throws {
    try open().write { db in
      try db.execute(sql: "INSERT OR IGNORE INTO vibegrapher_turns (turn_id) VALUES (?)", arguments: [turn])
      guard db.changesCount == 1 else { return }
      for (session, item) in items {
        try db.execute(sql: "INSERT OR IGNORE INTO agent_sessions (session_id) VALUES (?)", arguments: [session])
        try Self.insert(item, into: session, turn: turn, db)
      }
    }
  }

  private static func insert(_ item: String, into session: String, turn: String?, _ db: Database) throws {
    try db.execute(
      sql: "INSERT INTO agent_messages (session_id, message_data) VALUES (?, ?)", arguments: [session, item])
    if let turn {
      try db.execute(
        sql: "INSERT INTO vibegrapher_items (item_id, turn_id) VALUES (?, ?)", arguments: [db.lastInsertedRowID, turn])
    }
    try db.execute(
      sql: "UPDATE agent_sessions SET updated_at = CURRENT_TIMESTAMP WHERE session_id = ?", arguments: [session])
  }

  /// Changes the items of a session in one transaction: `change` gets them, oldest first, and gives for each what it
  /// becomes, nil for nothing.
  ///
  /// An item keeps its place and its turn.
  package func rewrite(session: String, _ change: ([String]) -> [String?]) throws {
    guard FileManager.default.fileExists(atPath: path) else { return }
    try open().write { db in
      let rows = try Row.fetchAll(
        db, sql: "SELECT id, message_data FROM agent_messages WHERE session_id = ? ORDER BY id", arguments: [session])
      let items: [String] = rows.map { $0["message_data"] }
      for ((row, old), new) in zip(zip(rows, items), change(items)) where new != old {
        let id: Int64 = row["id"]
        if let new {
          try db.execute(sql: "UPDATE agent_messages SET message_data = ? WHERE id = ?", arguments: [new, id])
        } else {
          try db.execute(sql: "DELETE FROM agent_messages WHERE id = ?", arguments: [id])
        }
      }
      try Self.forgetLost(db)
    }
  }

  /// Copies the items of a session into a new one, up to the first that belongs to a turn which is not in `turns`.
  ///
  /// What others, as the SDK, have added between belongs to no turn and goes with what stands before it. The copies
  /// belong to turns of the names that `renamed` gives.
  package func fork(_ session: String, as copy: String, turns: Set<String>, renamed: (String) -> String) throws {
    guard FileManager.default.fileExists(atPath: path) else { return }
    try open().write { db in
      try db.execute(sql: "INSERT OR IGNORE INTO vibegrapher_turns (turn_id) VALUES (?)", arguments: ["fork_\(copy)"])
      guard db.changesCount == 1 else { return }
      try db.execute(sql: "INSERT OR IGNORE INTO agent_sessions (session_id) VALUES (?)", arguments: [copy])
      let rows = try Row.fetchAll(
        db,
        sql: """
          SELECT m.message_data, i.turn_id FROM agent_messages m LEFT JOIN vibegrapher_items i ON i.item_id = m.id
          WHERE m.session_id = ? ORDER BY m.id
          """, arguments: [session])
      for row in rows {
        let turn: String? = row["turn_id"]
        if let turn, !turns.contains(turn) { break }
        try Self.insert(row["message_data"], into: copy, turn: turn.map(renamed), db)
      }
    }
  }

  /// Forgets the turns of items that are gone, also of those that the SDK removed.
  private static func forgetLost(_ db: Database) throws {
    try db.execute(sql: "DELETE FROM vibegrapher_items WHERE item_id NOT IN (SELECT id FROM agent_messages)")
  }

  /// Forgets sessions.
  package func clear(sessions: [String]) throws {
    guard FileManager.default.fileExists(atPath: path) else { return }
    try open().write { db in
      for session in sessions {
        try db.execute(sql: "DELETE FROM agent_messages WHERE session_id = ?", arguments: [session])
        try db.execute(sql: "DELETE FROM agent_sessions WHERE session_id = ?", arguments: [session])
      }
      try Self.forgetLost(db)
    }
  }

  /// Removes the file with its journal.
  package func remove() throws {
    for suffix in ["", "-wal", "-shm"] where FileManager.default.fileExists(atPath: path + suffix) {
      try FileManager.default.removeItem(atPath: path + suffix)
    }
  }

  private func open() throws -> DatabaseQueue {
    var configuration = Configuration()
    configuration.busyMode = .timeout(5)
    configuration.prepareDatabase { db in
      try db.execute(sql: "PRAGMA journal_mode = WAL")
      try db.execute(sql: "PRAGMA synchronous = FULL")
    }
    let queue = try DatabaseQueue(path: path, configuration: configuration)
    try queue.write { db in try db.execute(sql: Self.schema) }
    return queue
  }

  private static let schema = """
    CREATE TABLE IF NOT EXISTS agent_sessions (
      session_id TEXT PRIMARY KEY,
      created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
      updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
    );
    CREATE TABLE IF NOT EXISTS agent_messages (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      session_id TEXT NOT NULL,
      message_data TEXT NOT NULL,
      created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
      FOREIGN KEY (session_id) REFERENCES agent_sessions (session_id) ON DELETE CASCADE
    );
    CREATE INDEX IF NOT EXISTS idx_agent_messages_session_id ON agent_messages (session_id, created_at);
    CREATE TABLE IF NOT EXISTS vibegrapher_turns (turn_id TEXT PRIMARY KEY);
    CREATE TABLE IF NOT EXISTS vibegrapher_items (item_id INTEGER PRIMARY KEY, turn_id TEXT NOT NULL);
    """
}
