import EventLog
import GRDB
import Git
import JSON
import Logging
import Platform
import PythonSource
package import Store

extension DiffService {
  /// What a diff is made of.
  struct Draft: Sendable {
    var sessionID: String?
    var project: ProjectRecord
    /// The commit that the tree is a change to.
    var base: ObjectID
    var tree: ObjectID
    var prompt: String
    var reasoning: String
    var commitMessage: String
    var parentID: String?
    var traceID: String?
  }

  /// A diff that has no row yet, the head that its label is about, and the tree that is to be kept in a repository.
  struct Made: Sendable {
    var diff: DiffRecord
    let head: ObjectID?
    let tree: ObjectID
    let repository: Repository
  }

  /// Makes the row of a draft; `store` must follow.
  func make(_ draft: Draft) async throws -> Made {
    let id = UUIDv7.make()
    let repository = projects.repositories.writer(draft.project.repositoryPath)
    let proposal = try await repository.look(at: draft.tree, on: draft.base)
    var diff = DiffRecord(
      id: id, sessionId: draft.sessionID, projectId: draft.project.id, baseCommit: draft.base.hex,
      targetBranch: draft.project.currentBranch, diffContent: proposal.content, status: .evaluatorApproved,
      proposalTree: draft.tree.hex, mergeStatus: .clean, mergeConflicts: "[]", vibecoderPrompt: draft.prompt,
      evaluatorReasoning: draft.reasoning, commitMessage: draft.commitMessage, parentDiffId: draft.parentID,
      traceId: draft.traceID, createdAt: Timestamp.now.text)
    diff.apply(proposal.fit)
    return Made(diff: diff, head: proposal.head, tree: draft.tree, repository: repository)
  }

  /// The reference that keeps a proposal's tree from being collected.
  static func reference(_ id: String) -> String { "refs/proposals/\(id)" }

  /// Gives a made diff its row, with an event and whatever else belongs into the same transaction.
  func store(
    _ made: Made, _ change: @escaping @Sendable (Database, inout [NewEvent]) throws -> Void = { _, _ in }
  ) async throws -> DiffRecord {
    let diff = made.diff
    do {
      try await withThrowingTaskGroup { group in
        // Beside the database, which takes as long; what a crash leaves undone the next start makes good. At once, so
        // that it comes before whatever somebody does who sees the row.
        group.addImmediateTask { await keep(made) }
        try await journal.append { db, events in
          guard try db.project(id: diff.projectId) != nil else { throw ServiceError(.notFound, "Project not found") }
          try db.insert(diff)
          events.append(NewEvent("diff_created", topics: diff.topics, data: DiffView.created(diff)))
          try change(db, &events)
        }
      }
    } catch {
      await drop(made)
      throw error
    }
    return try await settle(made)
  }

  /// Keeps the tree of a proposal from being collected.
  private func keep(_ made: Made) async {
    do {
      try await made.repository.setReference(Self.reference(made.diff.id), to: made.tree, note: "proposal")
    } catch {
      // Its objects are there, and stay for as long as git keeps what nobody names: two weeks.
      logger.error(
        "a proposal has no reference before the next start", metadata: ["diff": "\(made.diff.id)", "error": "\(error)"])
    }
  }

  /// Lets go of the proposal of a diff that got no row.
  private func drop(_ made: Made) async {
    do { try await made.repository.removeReference(Self.reference(made.diff.id)) } catch {
      // The next start removes the references of proposals that nobody knows.
      logger.warning("a proposal was not removed", metadata: ["diff": "\(made.diff.id)", "error": "\(error)"])
    }
  }

  /// The tree that a diff is a change to, and the one that it proposes.
  func trees(of diff: DiffRecord, in repository: Repository) async throws -> (base: ObjectID, proposal: ObjectID) {
    guard let base = ObjectID(diff.baseCommit), let tree = ObjectID(diff.proposalTree) else {
      throw ServiceError(.wrongState, "the diff's trees cannot be read")
    }
    return (try await repository.tree(of: base), tree)
  }

  /// What Python's compiler says of the first changed file that does not compile; nil when all do.
  func syntaxFault(from old: ObjectID, to new: ObjectID, in repository: Repository) async throws -> String? {
    try await syntaxFault(in: try await repository.changedSources(from: old, to: new))
  }

  private func syntaxFault(in sources: [PythonFile]) async throws -> String? {
    for (path, text) in sources {
      if case .invalid(let fault) = try await python.check(path: path, source: text) { return "\(path): \(fault)" }
    }
    return nil
  }

  /// Makes a diff of a patch that somebody brings, checked like one of the agents'; no evaluator is asked.
  ///
  /// - Throws: `ServiceError.invalid` when it cannot be read, does not fit, changes nothing or does not compile.
  package func propose(
    project id: String, patch: String, message: String?, session: String?
  ) async throws -> DiffRecord {
    let (project, head) = try await projectWithHead(id)
    let repository = projects.repositories.writer(project.repositoryPath)
    func refusal(_ text: String) -> ServiceError { ServiceError(.invalid, text, location: ["body", "patch"]) }
    async let owner = self.session(session, of: id)
    let (tree, proposal, sources): (ObjectID, ObjectID, [PythonFile])
    do { (tree, proposal, sources) = try await repository.apply(patch: patch, on: head) } catch let error as PatchError
    { throw refusal(error.message) } catch let error as GitError where error.code == .badPath {
      throw refusal(error.message)
    }
    guard proposal != tree else { throw refusal("the patch changes nothing") }
    if let fault = try await syntaxFault(in: sources) { throw refusal(fault) }
    let message = message?.isEmpty == false ? message : nil
    return try await store(
      try await make(
        Draft(
          sessionID: try await owner, project: project, base: head, tree: proposal,
          prompt: message ?? "A patch from outside",
          reasoning: "The patch applies and compiles. It was brought by a person, and no evaluator was asked.",
          commitMessage: message ?? "Apply a patch")))
  }

  /// A project with the newest commit of its branch.
  func projectWithHead(_ id: String) async throws -> (ProjectRecord, ObjectID) {
    let project = try await projects.project(id)
    guard let head = project.currentCommit.flatMap(ObjectID.init) else {
      throw ServiceError(.wrongState, "the project's repository has no commit")
    }
    return (project, head)
  }

  /// The session that a diff without a conversation belongs to: the one that was named, else the project's own.
  func session(_ id: String?, of project: String) async throws -> String? {
    let sessions = try await journal.store.read { db in try db.sessions(ofProject: project) }
    guard let id else { return sessions.last { $0.nodeId == nil && $0.forkedFrom == nil }?.id }
    guard sessions.contains(where: { $0.id == id }) else {
      throw ServiceError(.invalid, "there is no session '\(id)' in the project", location: ["body", "session_id"])
    }
    return id
  }
}

/// A file of Python in a repository.
private typealias PythonFile = (path: String, text: String)

extension Repository {
  /// The tree of a commit, the one that a patch makes of it, and the files of Python that it changes.
  fileprivate func apply(
    patch: String, on commit: ObjectID
  ) throws -> (tree: ObjectID, proposal: ObjectID, sources: [PythonFile]) {
    let tree = try tree(of: commit)
    let proposal = try apply(patch: patch, to: tree)
    return (tree, proposal, try changedSources(from: tree, to: proposal))
  }

  /// The files of Python that differ between two trees, as they are in the second.
  fileprivate func changedSources(from old: ObjectID, to new: ObjectID) throws(GitError) -> [PythonFile] {
    var sources: [PythonFile] = []
    for path in try changedPaths(from: old, to: new) where path.hasSuffix(".py") {
      if let text = try text(of: path, in: new) { sources.append((path, text)) }
    }
    return sources
  }

  /// The difference of a proposed tree to the commit it was made on, and how it fits the head.
  fileprivate func look(
    at proposal: ObjectID, on base: ObjectID
  ) throws(GitError) -> (content: String, head: ObjectID?, fit: MergeFit) {
    let baseTree = try tree(of: base)
    let content = try diff(from: baseTree, to: proposal).text
    let head = try head().commit
    let headTree = try tree(of: head ?? base)
    return (content, head, try fit(base: baseTree, ours: headTree, theirs: proposal))
  }
}
