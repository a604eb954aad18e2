import EventLog
import Git
import JSON
import Platform
package import Store

extension DiffService {
  /// Makes a new pending diff of one that the branch has left behind, by a three-way merge onto the head.
  ///
  /// The old one is rejected and names the new one, which waits for review: what was reviewed was another tree. A diff
  /// that stands on the head already is given back as it is.
  ///
  /// - Throws: `ServiceError.conflict` with each place that does not fit, `.wrongState` when there is nothing to rebase.
  package func rebase(_ id: String) async throws -> (diff: DiffRecord, isNew: Bool) {
    let old = try await diff(id)
    guard old.isPending else {
      throw ServiceError(.wrongState, "Diff is not pending (status: \(old.status.rawValue))")
    }
    let (project, head) = try await projectWithHead(old.projectId)
    guard head.hex != old.baseCommit else { return (old, false) }
    let repository = projects.repositories.writer(project.repositoryPath)
    let trees = try await trees(of: old, in: repository)
    let headTree = try await repository.tree(of: head)
    let tree = try await merged(base: trees.base, ours: headTree, theirs: trees.proposal, in: repository)
    guard tree != headTree else {
      throw ServiceError(.wrongState, "all of the diff's changes are in \(project.currentBranch) already")
    }
    if let fault = try await syntaxFault(from: headTree, to: tree, in: repository) {
      throw ServiceError(.conflict, "the lines go together, but the result does not compile: \(fault)")
    }
    let made = try await make(
      Draft(
        sessionID: old.sessionId, project: project, base: head, tree: tree, prompt: old.vibecoderPrompt,
        reasoning: old.evaluatorReasoning, commitMessage: old.commitMessage, parentID: id, traceID: old.traceId))
    let new = made.diff
    let diff = try await store(made) { db, events in
      guard var old = try db.diff(id: id), old.isPending, old.committingSha == nil else {
        throw ServiceError(.wrongState, "the diff was reviewed while it was rebased")
      }
      old.status = .humanRejected
      old.supersededBy = new.id
      old.humanFeedback = "Rebased onto \(head.hex.prefix(8)) as diff \(new.id)"
      old.updatedAt = new.createdAt
      try db.update(old)
      events.append(NewEvent("diff.updated", topics: old.topics, data: DiffView.updated(old)))
    }
    return (diff, true)
  }

  /// Makes a diff that undoes a commit and leaves what came after it alone.
  ///
  /// A merge is undone against the parent whose number, from 1, is given. Undoing a root commit takes its files out.
  ///
  /// - Throws: `ServiceError.conflict` with each place that later commits changed too, `.notFound`, `.invalid`.
  package func revert(
    project id: String, commit name: String, mainline: Int?, session: String?
  ) async throws -> DiffRecord {
    let (project, head) = try await projectWithHead(id)
    let repository = projects.repositories.writer(project.repositoryPath)
    let commit = try await ProjectService.lookUp { try await repository.commit(name) }
    guard try await repository.isAncestor(commit.id, of: head) else {
      throw ServiceError(
        .invalid, "commit \(commit.id.hex.prefix(8)) is not in the history of \(project.currentBranch)",
        location: ["body", "sha"])
    }
    let parent = try Self.parent(of: commit, mainline: mainline)
    var before = try await repository.makeTree(from: nil, changes: [])
    if let parent { before = try await repository.tree(of: parent) }
    let headTree = try await repository.tree(of: head)
    let tree = try await merged(base: commit.tree, ours: headTree, theirs: before, in: repository)
    guard tree != headTree else {
      throw ServiceError(.wrongState, "nothing of commit \(commit.id.hex.prefix(8)) is left to undo")
    }
    let subject = commit.message.split(separator: "\n").first.map(String.init) ?? ""
    var reasoning = "Undoes commit \(commit.id.hex.prefix(8)), '\(subject)', and leaves later commits alone."
    if let fault = try await syntaxFault(from: headTree, to: tree, in: repository) {
      reasoning += " Does not compile then: \(fault)"
    }
    return try await store(
      try await make(
        Draft(
          sessionID: try await self.session(session, of: id), project: project, base: head, tree: tree,
          prompt: "Undo commit \(commit.id.hex.prefix(8)): \(subject)", reasoning: reasoning,
          commitMessage: "Revert \"\(subject)\"\n\nThis reverts commit \(commit.id.hex).")))
  }

  private static func parent(of commit: Commit, mainline: Int?) throws(ServiceError) -> ObjectID? {
    func refusal(_ text: String) -> ServiceError { ServiceError(.invalid, text, location: ["body", "mainline"]) }
    let count = commit.parents.count
    if let mainline {
      guard count > 1 else { throw refusal("commit \(commit.id.hex.prefix(8)) is no merge: leave mainline out") }
      guard (1...count).contains(mainline) else { throw refusal("mainline must be from 1 to \(count)") }
      return commit.parents[mainline - 1]
    }
    guard count < 2 else {
      throw refusal(
        "commit \(commit.id.hex.prefix(8)) is a merge of \(count) commits: mainline must name the parent to go back to")
    }
    return commit.parents.first
  }

  /// The tree of both sides together.
  private func merged(
    base: ObjectID, ours: ObjectID, theirs: ObjectID, in repository: Repository
  ) async throws -> ObjectID {
    switch try await repository.merge(base: base, ours: ours, theirs: theirs) {
    case .clean(let tree): return tree
    case .conflicting(let paths):
      let places = try await repository.conflicts(base: base, ours: ours, theirs: theirs)
      let named = paths.prefix(5).joined(separator: ", ") + (paths.count > 5 ? " and \(paths.count - 5) more" : "")
      throw ServiceError(
        .conflict, "the change does not go together with the head in \(named)",
        members: [
          ("conflicts", .array(places.map(DiffView.json))), ("paths", .array(paths.map { .string($0) })),
        ])
    }
  }
}
