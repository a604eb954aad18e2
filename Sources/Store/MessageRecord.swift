package import GRDB

/// A row of `conversation_messages`.
package struct MessageRecord: Record, Hashable {
  /// The table.
  package static let databaseTableName = "conversation_messages"

  /// The id; the client may have chosen it.
  package var id: String
  /// The session.
  package var sessionId: String
  /// The user's message that it belongs to.
  package var requestId: String
  /// `user`, `assistant` or `system`.
  package var role: String
  /// `user_input`, `run_result` or `stream_event`.
  package var messageType: String
  /// `vibecoder` or `evaluator`.
  package var agent: String?
  /// JSON.
  package var input: String?
  /// The items of the response, JSON.
  package var newItems: String?
  /// The last words.
  package var finalOutput: String?
  /// The structured output, JSON.
  package var finalOutputTyped: String?
  /// The agent that spoke last.
  package var lastAgent: String?
  /// A JSON array.
  package var toolCalls: String?
  /// A JSON array.
  package var toolOutputs: String?
  /// A JSON array.
  package var handoffs: String?
  /// Tokens read, cached ones included.
  package var usageInputTokens: Int?
  /// Tokens written, reasoning included.
  package var usageOutputTokens: Int?
  /// Both.
  package var usageTotalTokens: Int?
  /// Tokens read from a cache.
  package var usageCachedTokens: Int?
  /// Tokens of reasoning.
  package var usageReasoningTokens: Int?
  /// The kind of step, as the Agents SDK names it.
  package var streamEventType: String?
  /// The place of the step in its run, from 1.
  package var streamSequence: Int?
  /// The step, JSON.
  package var eventData: String?
  /// The words.
  package var content: String?
  /// The attempt, from 0; nil for a user.
  package var iteration: Int?
  /// The provider's response in full, JSON.
  package var openaiResponse: String?
  /// JSON.
  package var tokenUsage: String?
  /// The diff that came of it.
  package var diffId: String?
  /// The provider's id of the response.
  package var lastResponseId: String?
  /// The trace of the work.
  package var traceId: String?
  /// The model that answered.
  package var model: String?
  /// What the response cost, in US dollars.
  package var costUsd: Double?
  /// From request to end of response, milliseconds.
  package var latencyMs: Int?
  /// When the row was made, RFC 3339.
  package var createdAt: String
  /// When the row was last written, RFC 3339.
  package var updatedAt: String

  /// A row with these values.
  package init(
    id: String,
    sessionId: String,
    requestId: String,
    role: String,
    messageType: String,
    agent: String? = nil,
    input: String? = nil,
    newItems: String? = nil,
    finalOutput: String? = nil,
    finalOutputTyped: String? = nil,
    lastAgent: String? = nil,
    toolCalls: String? = nil,
    toolOutputs: String? = nil,
    handoffs: String? = nil,
    usageInputTokens: Int? = nil,
    usageOutputTokens: Int? = nil,
    usageTotalTokens: Int? = nil,
    usageCachedTokens: Int? = nil,
    usageReasoningTokens: Int? = nil,
    streamEventType: String? = nil,
    streamSequence: Int? = nil,
    eventData: String? = nil,
    content: String? = nil,
    iteration: Int? = nil,
    openaiResponse: String? = nil,
    tokenUsage: String? = nil,
    diffId: String? = nil,
    lastResponseId: String? = nil,
    traceId: String? = nil,
    model: String? = nil,
    costUsd: Double? = nil,
    latencyMs: Int? = nil,
    createdAt: String
  ) {
    self.id = id
    self.sessionId = sessionId
    self.requestId = requestId
    self.role = role
    self.messageType = messageType
    self.agent = agent
    self.input = input
    self.newItems = newItems
    self.finalOutput = finalOutput
    self.finalOutputTyped = finalOutputTyped
    self.lastAgent = lastAgent
    self.toolCalls = toolCalls
    self.toolOutputs = toolOutputs
    self.handoffs = handoffs
    self.usageInputTokens = usageInputTokens
    self.usageOutputTokens = usageOutputTokens
    self.usageTotalTokens = usageTotalTokens
    self.usageCachedTokens = usageCachedTokens
    self.usageReasoningTokens = usageReasoningTokens
    self.streamEventType = streamEventType
    self.streamSequence = streamSequence
    self.eventData = eventData
    self.content = content
    self.iteration = iteration
    self.openaiResponse = openaiResponse
    self.tokenUsage = tokenUsage
    self.diffId = diffId
    self.lastResponseId = lastResponseId
    self.traceId = traceId
    self.model = model
    self.costUsd = costUsd
    self.latencyMs = latencyMs
    self.createdAt = createdAt
    updatedAt = createdAt
  }
}

extension Database {
  /// The message of that id.
  package func message(id: String) throws -> MessageRecord? {
    try MessageRecord.fetchOne(
      self,
      sql: """
        SELECT m.* FROM conversation_messages m JOIN vibecode_sessions s ON s.id = m.session_id
        JOIN projects p ON p.id = s.project_id WHERE m.id = ? AND p.state = 'ready'
        """, arguments: [id])
  }

  /// The messages of a session, oldest first.
  package func messages(ofSession session: String, page: Page? = nil) throws -> [MessageRecord] {
    let order = try order(of: "conversation_messages", as: "m", newestFirst: false, page: page)
    return try SQLRequest<MessageRecord>(
      "SELECT m.* FROM conversation_messages m WHERE m.session_id = \(session) \(order)"
    ).fetchAll(self)
  }
}
