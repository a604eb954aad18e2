import EventLog
import GRDB
import Platform
import Store

extension MessageService {
  /// A user's message and the work that it asks for, to be stored in one transaction.
  struct Submission: Sendable {
    let messageID: String
    private let message: MessageRecord
    private let run: RunRecord
    private let topics: [String]

    init(
      session: String, project: String, prompt: String, messageID: String, parentDiffID: String? = nil, keyID: String?
    ) {
      self.messageID = messageID
      let time = Timestamp.now.text
      var run = RunRecord(
        messageId: messageID, sessionId: session, state: .queued, attempts: 0, prompt: prompt,
        traceId: "trace_" + UUIDv7.make().filter { $0 != "-" }, parentDiffId: parentDiffID, createdAt: time)
      run.keyId = keyID
      self.run = run
      message = MessageRecord(
        id: messageID, sessionId: session, requestId: messageID, role: "user", messageType: "user_input",
        content: prompt, traceId: run.traceId, createdAt: time)
      topics = [Topic.project(project), Topic.session(session)]
    }

    /// Stores both with their event; false when the message is there already.
    func insert(into db: Database, _ events: inout [NewEvent]) throws -> Bool {
      if let existing = try db.message(id: messageID) {
        guard existing.sessionId == message.sessionId, existing.role == "user" else {
          throw ServiceError(.conflict, "the message_id '\(messageID)' is taken by another message")
        }
        return false
      }
      try db.insert(message)
      try db.insert(run)
      events.append(NewEvent("conversation_message", topics: topics, data: MessageView.event(message)))
      return true
    }
  }
}
