import EventLog
import Git
import JSON
import Platform
package import Store
import Synchronization

extension DiffService {
  /// Makes an approved diff the newest commit of its branch.
  ///
  /// In this order, so that a crash at any point is repaired by the next start: the commit is written, and meanwhile
  /// its name into the diff's row; the branch moves to it if it is still where the diff was made; the row says so.
  /// The note of the name is not synced: after a power cut the diff may be approved still, and labelled as applied.
  ///
  /// - Throws: `ServiceError` `.wrongState` unless a person approved it, `.conflict` when the branch has moved.
  package func commit(_ id: String, message: String?) async throws -> DiffRecord {
    try await commit(id, message: message, approves: false)
  }

  /// Approves a diff that waits for it and commits it, in one step; what cannot be committed is not approved.
  package func accept(_ id: String) async throws -> DiffRecord {
    try await commit(id, message: nil, approves: true)
  }

  private func commit(_ id: String, message: String?, approves: Bool) async throws -> DiffRecord {
    let diff = try await stored(id)
    let project = diff.projectId
    defer { projects.directory.wakeUp() }
    // Whoever has to wait for another looks again at what has become of it.
    let waits = commitLocks.isHeld(project) || projects.locks.isHeld(project)
    return try await commitLocks.withLock(project) {
      try await projects.locks.withLock(project) {
        try await commit(waits ? try await stored(id) : diff, message: message, approves: approves)
      }
    }
  }

  /// Commits while nobody else writes the project's repository.
  private func commit(_ diff: DiffRecord, message: String?, approves: Bool) async throws -> DiffRecord {
    var diff = diff
    guard diff.status == .humanApproved || approves && diff.status == .evaluatorApproved else {
      throw Self.notApproved(diff)
    }
    let project = try await projects.project(diff.projectId)
    let repository = projects.repositories.writer(project.repositoryPath)
    guard let base = ObjectID(diff.baseCommit), let tree = ObjectID(diff.proposalTree) else {
      throw ServiceError(.wrongState, "the diff's trees cannot be read")
    }
    if let message, !message.isEmpty { diff.commitMessage = message }
    guard let draft = try await repository.draft(tree, on: base, message: diff.commitMessage) else {
      throw try await mismatch(diff, in: repository)
    }
    diff.committingSha = draft.id.hex
    async let writing: Void = repository.write(draft)
    let status = try await note(diff, approves: approves)
    diff.status = .humanApproved
    do {
      try await writing
      try await move(diff, from: base, to: draft.id, in: repository)
    } catch {
      try await journal.append { [diff] db, _ in
        guard var row = try db.diff(id: diff.id) else { return }
        (row.committingSha, row.status) = (nil, status)
        try db.update(row)
      }
      // While it was being committed nobody labelled it.
      labels.forget(diff.projectId)
      guard (error as? GitError)?.code == .moved else { throw error }
      throw try await mismatch(diff, in: repository)
    }
    return try await finish(diff, commit: draft.id, in: repository)
  }

  /// Notes in a diff's row which commit is about to be it; gives the status that the row had.
  private func note(_ diff: DiffRecord, approves: Bool) async throws -> DiffRecord.Status {
    try await journal.append(isDurable: false) { db, _ in
      guard var row = try db.diff(id: diff.id) else { throw ServiceError(.notFound, "Diff not found") }
      let status = row.status
      guard status == .humanApproved || approves && status == .evaluatorApproved else { throw Self.notApproved(row) }
      guard row.proposalTree == diff.proposalTree else {
        throw ServiceError(.wrongState, "a part of the diff was taken in the same moment: look at it again")
      }
      (row.status, row.commitMessage, row.committingSha) = (.humanApproved, diff.commitMessage, diff.committingSha)
      try db.update(row)
      return status
    }
  }

  private static func notApproved(_ diff: DiffRecord) -> ServiceError {
    ServiceError(.wrongState, "Diff is not approved (status: \(diff.status.rawValue))")
  }

  private func move(
    _ diff: DiffRecord, from base: ObjectID, to commit: ObjectID, in repository: Repository
  ) async throws {
    let subject = diff.commitMessage.split(separator: "\n").first.map(String.init) ?? ""
    try await repository.moveReference(
      "refs/heads/\(diff.targetBranch)", from: base, to: commit, note: "commit: \(subject)")
  }

  private func mismatch(_ diff: DiffRecord, in repository: Repository) async throws -> ServiceError {
    // Perhaps it is this very diff that has moved the branch.
    let now = try await stored(diff.id)
    guard now.isPending else { return Self.notApproved(now) }
    _ = try await bringLabels(of: diff.projectId)
    let head = try await repository.head().commit?.hex ?? "none"
    return ServiceError(
      .conflict, "Base commit mismatch. Expected: \(diff.baseCommit), Current: \(head)",
      members: [("rebase_needed", true), ("expected", .string(diff.baseCommit)), ("current", .string(head))])
  }

  /// Writes down that the branch has moved to the diff's commit, and brings everything else up to date.
  ///
  /// The row names the commit as begun until all of it is done, so that a crash in between is made good.
  func finish(_ diff: DiffRecord, commit: ObjectID, in repository: Repository) async throws -> DiffRecord {
    // The work tree follows while the database writes and the others are labelled, which takes as long.
    async let checkout: Void = repository.follow(commit, from: ObjectID(diff.baseCommit))
    async let entry = projects.repositories.reader(repository.path).entryFile(of: commit)
    let committed = Mutex(diff)
    try await projects.refresh(diff.projectId) { _, db, events in
      guard var row = try db.diff(id: diff.id) else { throw ServiceError(.notFound, "Diff not found") }
      (row.status, row.mergeStatus, row.committedSha) = (.committed, .applied, commit.hex)
      row.updatedAt = Timestamp.now.text
      try db.update(row)
      events.append(NewEvent("diff.updated", topics: row.topics, data: DiffView.updated(row)))
      committed.withLock { [row] in $0 = row }
    }
    let diff = committed.withLock { $0 }
    try await cleanUp(behind: diff, in: repository)
    try await checkout
    return await endCommit(diff, commit, entry: try await entry)
  }

  /// Does what follows a commit that is written down: clears the evaluator's memory, which was about code that is
  /// committed now, lets go of the proposal, and labels the other diffs anew.
  func cleanUp(behind committed: DiffRecord, in repository: Repository) async throws {
    if let session = try await evaluatorSession(of: committed) {
      try await projects.disk.run {
        try ConversationFile(path: session.conversationsDbPath).clear(sessions: [session.evaluatorKey])
      }
    }
    async let removal: Void = repository.removeReference(Self.reference(committed.id))
    _ = try await bringLabels(of: committed.projectId)
    try await removal
  }

  /// Tells that the code is another now, in the branch and in the work tree, and notes that nothing of the commit is
  /// left to do.
  func endCommit(
    _ committed: DiffRecord, _ commit: ObjectID, entry: (path: String, text: String)?
  ) async -> DiffRecord {
    await journal.post { db, events in
      guard var row = try db.diff(id: committed.id) else { return }
      row.committingSha = nil
      try db.update(row)
      events.append(
        NewEvent(
          "code_changed", topics: row.topics,
          data: [
            "project_id": .string(row.projectId), "new_code": JSONValue(entry?.text),
            "committed_sha": .string(commit.hex), "diff_id": .string(row.id), "trace_id": JSONValue(row.traceId),
          ]))
      events.append(
        NewEvent(
          "code_update", topics: row.topics,
          data: ["content": JSONValue(entry?.text), "filename": JSONValue(entry?.path)]))
    }
    var committed = committed
    committed.committingSha = nil
    return committed
  }

  private func evaluatorSession(of diff: DiffRecord) async throws -> SessionRecord? {
    guard let id = diff.sessionId else { return nil }
    return try await journal.store.read { db in try db.session(id: id) }
  }
}

extension Repository {
  /// A commit on the head that is not written yet; nil when the head is another than `base`.
  fileprivate func draft(_ tree: ObjectID, on base: ObjectID, message: String) throws(GitError) -> CommitDraft? {
    guard try head().commit == base else { return nil }
    let author = StarterFiles.author(seconds: Timestamp.now.microseconds / 1_000_000)
    return try draftCommit(tree: tree, parents: [base], message: message, author: author)
  }
}
