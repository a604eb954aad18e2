/// For whom models are called: it decides which budgets a call is held to and where its usage is counted.
///
/// It travels with the task: whoever begins some work sets it around that work, and every request to a provider that is
/// made in there belongs to it.
///
///     try await ModelCaller.$current.withValue(caller) { try await loop.run(task, in: environment) }
package struct ModelCaller: Sendable, Hashable {
  /// Where calls come from.
  package enum Source: String, Sendable, Codable {
    /// An agent of the daemon.
    case agent
    /// A program that uses the gateway.
    case gateway
  }

  /// The caller of the present task.
  @TaskLocal package static var current = ModelCaller()

  /// Where the call comes from.
  package var source: Source
  /// The project.
  package var projectID: String?
  /// The session, which may have a budget.
  package var sessionID: String?
  /// The message that is worked on.
  package var messageID: String?
  /// The run, which may have a budget.
  package var runID: String?
  /// The job, which may have a budget.
  package var jobID: String?
  /// The access key, which may have a budget.
  package var keyID: String?
  /// The gateway's token, which may have a budget.
  package var tokenID: String?

  /// A caller; nobody in particular without arguments.
  package init(
    source: Source = .agent, projectID: String? = nil, sessionID: String? = nil, messageID: String? = nil,
    runID: String? = nil, jobID: String? = nil, keyID: String? = nil, tokenID: String? = nil
  ) {
    self.source = source
    self.projectID = projectID
    self.sessionID = sessionID
    self.messageID = messageID
    self.runID = runID
    self.jobID = jobID
    self.keyID = keyID
    self.tokenID = tokenID
  }
}
