import EventLog
import Git
import JSON
import Platform
package import Store

extension DiffService {
  /// Makes an approved diff the newest commit of its branch.
  ///
  /// In this order, so that a crash at any point is repaired by the next start: the commit is made, its name is written
  /// into the diff's row, the branch moves to it if it is still where the diff was made, the row says so.
  ///
  /// - Throws: `ServiceError` `.wrongState` unless a person approved it, `.conflict` when the branch has moved.
  package func commit(_ id: String, message: String?) async throws -> DiffRecord {
    let projectID = try await diff(id).projectId
    return try await projects.locks.withLock(projectID) {
      var diff = try await diff(id)
      guard diff.status == .humanApproved else {
        throw ServiceError(.wrongState, "Diff is not approved (status: \(diff.status.rawValue))")
      }
      let project = try await projects.project(projectID)
      let repository = projects.repositories.writer(project.repositoryPath)
      guard let base = ObjectID(diff.baseCommit), let tree = ObjectID(diff.proposalTree) else {
        throw ServiceError(.wrongState, "the diff's trees cannot be read")
      }
      try await checkHead(is: base, of: diff, in: repository)
      if let message, !message.isEmpty { diff.commitMessage = message }
      let commit = try await repository.makeCommit(
        tree: tree, parents: [base], message: diff.commitMessage,
        author: StarterFiles.author(seconds: Timestamp.now.microseconds / 1_000_000))
      diff.committingSha = commit.hex
      try await journal.append { [diff] db, _ in try db.update(diff) }
      do {
        let subject = diff.commitMessage.split(separator: "\n").first.map(String.init) ?? ""
        try await repository.moveReference(
          "refs/heads/\(diff.targetBranch)", from: base, to: commit, note: "commit: \(subject)")
      } catch {
        diff.committingSha = nil
        try await journal.append { [diff] db, _ in try db.update(diff) }
        guard (error as? GitError)?.code == .moved else { throw error }
        throw try await mismatch(diff, in: repository)
      }
      return try await finish(diff, commit: commit, in: repository)
    }
  }

  private func checkHead(is base: ObjectID, of diff: DiffRecord, in repository: Repository) async throws {
    guard try await repository.head().commit == base else { throw try await mismatch(diff, in: repository) }
  }

  private func mismatch(_ diff: DiffRecord, in repository: Repository) async throws -> ServiceError {
    let head = try await repository.head().commit?.hex ?? "none"
    return ServiceError(
      .conflict, "Base commit mismatch. Expected: \(diff.baseCommit), Current: \(head)",
      members: [("rebase_needed", true), ("expected", .string(diff.baseCommit)), ("current", .string(head))])
  }

  /// Writes down that the branch has moved to the diff's commit, and brings everything else up to date.
  ///
  /// The row names the commit as begun until all of it is done, so that a crash in between is made good.
  func finish(_ diff: DiffRecord, commit: ObjectID, in repository: Repository) async throws -> DiffRecord {
    if let base = ObjectID(diff.baseCommit) {
      try await repository.followHead(from: try await repository.tree(of: base))
    }
    var diff = diff
    diff.status = .committed
    diff.mergeStatus = .applied
    diff.committedSha = commit.hex
    diff.updatedAt = Timestamp.now.text
    let project = try await projects.refresh(diff.projectId)
    let entry = try await projects.entryFile(in: try await repository.tree(of: commit), of: repository)
    try await journal.append { [diff] db, events in
      try db.update(diff)
      events.append(NewEvent("diff.updated", topics: diff.topics, data: DiffView.updated(diff)))
      events.append(
        NewEvent(
          "code_changed", topics: diff.topics,
          data: [
            "project_id": .string(diff.projectId), "new_code": JSONValue(project.currentCode),
            "committed_sha": .string(commit.hex), "diff_id": .string(diff.id), "trace_id": JSONValue(diff.traceId),
          ]))
      events.append(
        NewEvent(
          "code_update", topics: diff.topics,
          data: ["content": JSONValue(project.currentCode), "filename": JSONValue(entry?.path)]))
    }
    return try await endCommit(diff, in: repository)
  }

  /// Does what follows a commit that is written down: clears the evaluator's memory, which was about code that is
  /// committed now, lets go of the proposal, and labels the other diffs anew.
  func endCommit(_ committed: DiffRecord, in repository: Repository) async throws -> DiffRecord {
    if let session = try await evaluatorSession(of: committed) {
      try await projects.disk.run {
        try ConversationFile(path: session.conversationsDbPath).clear(sessions: [session.evaluatorKey])
      }
    }
    try await repository.removeReference("refs/proposals/\(committed.id)")
    try await relabel(project: committed.projectId)
    return try await journal.append { db, _ in
      var diff = try db.diff(id: committed.id) ?? committed
      diff.committingSha = nil
      try db.update(diff)
      return diff
    }
  }

  private func evaluatorSession(of diff: DiffRecord) async throws -> SessionRecord? {
    guard let id = diff.sessionId else { return nil }
    return try await journal.store.read { db in try db.session(id: id) }
  }

  /// Brings the merge status of a project's pending diffs up to date with the head, in memory.
  func relabel(project id: String) async throws {
    let project = try await projects.project(id)
    let repository = projects.repositories.reader(project.repositoryPath)
    guard let head = project.currentCommit.flatMap(ObjectID.init) else { return }
    let headTree = try await repository.tree(of: head)
    var changed: [DiffRecord] = []
    for var diff in try await journal.store.read({ db in try db.pendingDiffs(ofProject: id) }) {
      guard let base = ObjectID(diff.baseCommit), let tree = ObjectID(diff.proposalTree) else { continue }
      let before = diff
      let baseTree = try await repository.tree(of: base)
      diff.apply(try await repository.merge(base: baseTree, ours: headTree, theirs: tree), headTree: headTree)
      if diff != before { changed.append(diff) }
    }
    guard !changed.isEmpty else { return }
    try await journal.append { [changed] db, events in
      for label in changed {
        // Only the label: the diff may have been reviewed in between.
        guard var diff = try db.diff(id: label.id) else { continue }
        diff.mergeStatus = label.mergeStatus
        diff.mergeConflicts = label.mergeConflicts
        try db.update(diff)
        events.append(NewEvent("diff.updated", topics: diff.topics, data: DiffView.updated(diff)))
      }
    }
  }
}
