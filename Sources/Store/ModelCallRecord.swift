package import GRDB

/// A row of `model_calls`: one request that made a model work.
package struct ModelCallRecord: Record, Hashable {
  /// How far it has come.
  package enum Status: String, Codable, Sendable {
    /// It is under way.
    case open
    /// It was answered, and its usage is known.
    case completed
    /// It was not answered, or with an error.
    case failed
    /// It was answered, and its usage is not known to the end.
    case unreported
    /// The daemon ended in the middle of it.
    case interrupted
  }

  /// The table.
  package static let databaseTableName = "model_calls"

  /// The id, a UUIDv7.
  package var id: String
  /// How far it has come.
  package var status: Status
  /// `openai`, `anthropic` or `gemini`.
  package var provider: String
  /// The model that answered, before that the one that was asked.
  package var model: String
  /// `agent` or `gateway`.
  package var source: String
  /// The project that it was made for.
  package var projectId: String?
  /// The session.
  package var sessionId: String?
  /// The message.
  package var messageId: String?
  /// The run.
  package var runId: String?
  /// The job.
  package var jobId: String?
  /// The access key.
  package var keyId: String?
  /// The gateway's token.
  package var tokenId: String?
  /// What is set aside for it, nanodollars.
  package var reservedCost: Int
  /// What is set aside for it, tokens.
  package var reservedTokens: Int
  /// Tokens that were read, those from a cache included.
  package var inputTokens = 0
  /// Tokens that were read from a cache.
  package var cachedTokens = 0
  /// Tokens that were written, reasoning included.
  package var outputTokens = 0
  /// Tokens of reasoning.
  package var reasoningTokens = 0
  /// What it cost, nanodollars; nil without a price.
  package var cost: Int?
  /// The status of the answer.
  package var httpStatus: Int?
  /// From the request to the end of the answer.
  package var latencyMs: Int?
  /// When it began, RFC 3339.
  package var startedAt: String
  /// When it ended, RFC 3339.
  package var endedAt: String?

  /// A call that begins.
  package init(
    id: String, provider: String, model: String, source: String, reservedCost: Int, reservedTokens: Int,
    startedAt: String
  ) {
    self.id = id
    self.provider = provider
    self.model = model
    self.source = source
    self.reservedCost = reservedCost
    self.reservedTokens = reservedTokens
    self.startedAt = startedAt
    status = .open
  }

  /// The budgets that it is held to, in the order in which they are asked.
  package var scopes: [BudgetRecord.Place] {
    let all: [(scope: BudgetRecord.Scope, id: String?)] = [
      (.session, sessionId), (.run, runId), (.job, jobId), (.key, keyId), (.token, tokenId),
    ]
    return all.compactMap { place in place.id.map { BudgetRecord.Place(scope: place.scope, id: $0) } }
  }
}

/// Sums over calls.
package struct UsageRow: Codable, FetchableRecord, Sendable {
  /// What they have in common; nil where a call has none of it.
  package let name: String?
  /// How many.
  package let calls: Int
  /// How many of them failed.
  package let failed: Int
  /// Tokens that were read.
  package let input: Int
  /// Of them from a cache.
  package let cached: Int
  /// Tokens that were written.
  package let output: Int
  /// Of them reasoning.
  package let reasoning: Int
  /// Nanodollars.
  package let cost: Int
  /// Answered calls of models without a price.
  package let unpriced: Int
  /// The mean time of a call.
  package let latency: Double?
}

extension Database {
  /// The call of an id.
  package func modelCall(id: String) throws -> ModelCallRecord? {
    try ModelCallRecord.first(self, "SELECT * FROM model_calls WHERE id = ?", [id])
  }

  /// Ends what a daemon that is no more had under way, and gives back what was set aside for it.
  package func interruptModelCalls(at time: String) throws {
    try execute(
      sql: """
        UPDATE model_calls SET status = 'interrupted', reserved_cost = 0, reserved_tokens = 0, ended_at = ?
        WHERE status = 'open'
        """, arguments: [time])
    try execute(sql: "UPDATE budgets SET reserved_cost = 0, reserved_tokens = 0")
  }

  /// Sums of the calls that began in a time, by a column or expression of `model_calls`, which must not come from a
  /// client; those of one owner alone when it is given.
  package func modelUsage(
    by expression: String, since: String?, until: String?, owner: String? = nil
  ) throws -> [UsageRow] {
    try UsageRow.fetchAll(
      self,
      sql: """
        SELECT \(expression) AS name, COUNT(*) AS calls, SUM(status = 'failed') AS failed, SUM(input_tokens) AS input,
          SUM(cached_tokens) AS cached, SUM(output_tokens) AS output, SUM(reasoning_tokens) AS reasoning,
          SUM(COALESCE(cost, 0)) AS cost, SUM(status IN ('completed', 'unreported') AND cost IS NULL) AS unpriced,
          AVG(latency_ms) AS latency
        FROM model_calls
        WHERE (?1 IS NULL OR started_at >= ?1) AND (?2 IS NULL OR started_at < ?2)
          AND (?3 IS NULL OR project_id IN (SELECT id FROM projects WHERE owner = ?3)
            OR key_id IN (SELECT id FROM access_keys WHERE owner = ?3))
        GROUP BY 1 ORDER BY 1
        """, arguments: [since, until, owner])
  }
}
