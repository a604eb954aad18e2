package import GRDB

/// A row of `message_runs`: the work that a user's message asks for.
package struct RunRecord: Record, Hashable {
  /// How far the work has come.
  package enum State: String, Codable, Sendable {
    case queued, running, completed, failed, cancelled

    /// Whether the work has ended.
    package var isFinal: Bool { self != .queued && self != .running }
  }

  /// The table.
  package static let databaseTableName = "message_runs"

  /// The user's message.
  package var messageId: String
  /// The session.
  package var sessionId: String
  /// How far it has come.
  package var state: State
  /// How often it was begun.
  package var attempts: Int
  /// What was asked.
  package var prompt: String
  /// The trace of the work.
  package var traceId: String
  /// The rejected diff to improve.
  package var parentDiffId: String?
  /// The answer to the client, JSON.
  package var result: String?
  /// Items to remember, not yet in the conversation file, JSON.
  package var memory: String?
  /// The access key by which it was asked for.
  package var keyId: String?
  /// When the row was made, RFC 3339.
  package var createdAt: String
  /// When the row was last written, RFC 3339.
  package var updatedAt: String

  /// A row with these values.
  package init(
    messageId: String,
    sessionId: String,
    state: State,
    attempts: Int,
    prompt: String,
    traceId: String,
    parentDiffId: String? = nil,
    result: String? = nil,
    memory: String? = nil,
    createdAt: String
  ) {
    self.messageId = messageId
    self.sessionId = sessionId
    self.state = state
    self.attempts = attempts
    self.prompt = prompt
    self.traceId = traceId
    self.parentDiffId = parentDiffId
    self.result = result
    self.memory = memory
    self.createdAt = createdAt
    updatedAt = createdAt
  }
}

extension Database {
  /// The work of a message.
  package func run(messageID: String) throws -> RunRecord? {
    try RunRecord.first(self, "SELECT * FROM message_runs WHERE message_id = ?", [messageID])
  }

  /// The work that has not ended, oldest first; of one session when it is given.
  package func openRuns(ofSession session: String? = nil) throws -> [RunRecord] {
    try RunRecord.fetchAll(
      self,
      sql: """
        SELECT * FROM message_runs WHERE state IN ('queued', 'running') AND (?1 IS NULL OR session_id = ?1)
        ORDER BY created_at, rowid
        """, arguments: [session])
  }

  /// The finished work whose memory is not yet in its conversation file.
  package func runsWithMemory() throws -> [RunRecord] {
    try RunRecord.fetchAll(self, sql: "SELECT * FROM message_runs WHERE memory IS NOT NULL ORDER BY created_at, rowid")
  }
}
