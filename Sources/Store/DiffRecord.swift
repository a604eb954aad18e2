package import GRDB

/// A row of `diffs`: a proposed change on its way to a commit.
package struct DiffRecord: Record, Hashable {
  /// How far a diff has come.
  package enum Status: String, Codable, Sendable, CaseIterable {
    case evaluatorApproved = "evaluator_approved"
    case humanApproved = "human_approved"
    case humanRejected = "human_rejected"
    case committed
  }

  /// How a diff stands to the present head.
  package enum MergeStatus: String, Codable, Sendable { case clean, conflicting, applied }

  /// The table.
  package static let databaseTableName = "diffs"

  /// The id, a UUIDv7.
  package var id: String
  /// The session it came from; nil when that was deleted.
  package var sessionId: String?
  /// The project.
  package var projectId: String
  /// The commit it was made on.
  package var baseCommit: String
  /// The branch it is for.
  package var targetBranch: String
  /// The change as a unified diff.
  package var diffContent: String
  /// How far it has come.
  package var status: Status
  /// The tree it proposes.
  package var proposalTree: String
  /// How it stands to the head of the branch.
  package var mergeStatus: MergeStatus
  /// The conflicting paths, a JSON array.
  package var mergeConflicts: String
  /// Verdicts of tests on it, JSON.
  package var testResults: String?
  /// When they ran.
  package var testsRunAt: String?
  /// The tree they ran on.
  package var testedTree: String?
  /// What the user asked for.
  package var vibecoderPrompt: String
  /// Why the evaluator approved.
  package var evaluatorReasoning: String
  /// The message of the commit to be.
  package var commitMessage: String
  /// What the reviewer said.
  package var humanFeedback: String?
  /// The commit that is about to become the head.
  package var committingSha: String?
  /// The commit it became.
  package var committedSha: String?
  /// The diff that this one was made of: a rejected one that it improves, one that was rebased, or one of which only
  /// a part was taken.
  package var parentDiffId: String?
  /// The diff that a rebase made of this one.
  package var supersededBy: String?
  /// The trace of the work that made it.
  package var traceId: String?
  /// When the row was made, RFC 3339.
  package var createdAt: String
  /// When the row was last written, RFC 3339.
  package var updatedAt: String

  /// A row with these values.
  package init(
    id: String,
    sessionId: String? = nil,
    projectId: String,
    baseCommit: String,
    targetBranch: String,
    diffContent: String,
    status: Status,
    proposalTree: String,
    mergeStatus: MergeStatus,
    mergeConflicts: String,
    testResults: String? = nil,
    testsRunAt: String? = nil,
    testedTree: String? = nil,
    vibecoderPrompt: String,
    evaluatorReasoning: String,
    commitMessage: String,
    humanFeedback: String? = nil,
    committingSha: String? = nil,
    committedSha: String? = nil,
    parentDiffId: String? = nil,
    supersededBy: String? = nil,
    traceId: String? = nil,
    createdAt: String
  ) {
    self.id = id
    self.sessionId = sessionId
    self.projectId = projectId
    self.baseCommit = baseCommit
    self.targetBranch = targetBranch
    self.diffContent = diffContent
    self.status = status
    self.proposalTree = proposalTree
    self.mergeStatus = mergeStatus
    self.mergeConflicts = mergeConflicts
    self.testResults = testResults
    self.testsRunAt = testsRunAt
    self.testedTree = testedTree
    self.vibecoderPrompt = vibecoderPrompt
    self.evaluatorReasoning = evaluatorReasoning
    self.commitMessage = commitMessage
    self.humanFeedback = humanFeedback
    self.committingSha = committingSha
    self.committedSha = committedSha
    self.parentDiffId = parentDiffId
    self.supersededBy = supersededBy
    self.traceId = traceId
    self.createdAt = createdAt
    updatedAt = createdAt
  }
}

extension Database {
  /// The diff of that id.
  package func diff(id: String) throws -> DiffRecord? {
    try DiffRecord.first(
      self, "SELECT d.* FROM diffs d JOIN projects p ON p.id = d.project_id WHERE d.id = ? AND p.state = 'ready'", [id])
  }

  /// The diffs of a project or a session, newest first; of one status when it is given.
  package func diffs(
    ofProject project: String? = nil, ofSession session: String? = nil, status: String? = nil, page: Page? = nil
  ) throws -> [DiffRecord] {
    let order = try order(of: "diffs", as: "d", newestFirst: true, page: page)
    return try SQLRequest<DiffRecord>(
      """
      SELECT d.* FROM diffs d WHERE (\(project) IS NULL OR d.project_id = \(project))
      AND (\(session) IS NULL OR d.session_id = \(session)) AND (\(status) IS NULL OR d.status = \(status)) \(order)
      """
    ).fetchAll(self)
  }

  /// The diffs of a project that wait for a person or a commit.
  package func pendingDiffs(ofProject project: String) throws -> [DiffRecord] {
    let query = """
      SELECT * FROM diffs WHERE project_id = ? AND status IN ('evaluator_approved', 'human_approved')
      ORDER BY created_at
      """
    return try DiffRecord.fetchAll(cachedStatement(sql: query), arguments: [project])
  }

  /// The diffs whose commit was begun and not brought to its end.
  package func committingDiffs() throws -> [DiffRecord] {
    try DiffRecord.fetchAll(
      self, sql: "SELECT * FROM diffs WHERE committing_sha IS NOT NULL")
  }

  /// The diffs whose proposals are kept in a repository: all but those that were committed, and those that were
  /// rejected because their session was removed.
  package func diffsWithProposals(ofProject project: String) throws -> [DiffRecord] {
    try DiffRecord.fetchAll(
      self,
      sql: """
        SELECT * FROM diffs WHERE project_id = ? AND status <> 'committed'
        AND NOT (status = 'human_rejected' AND session_id IS NULL)
        """, arguments: [project])
  }
}
