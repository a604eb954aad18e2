import EventLog
import Git
import JSON
import Platform
import Store

extension DiffService {
  /// Approves some files and hunks of a diff; the others become a pending diff of their own, so that nothing is lost.
  ///
  /// The diff itself becomes the part that was taken. Both parts are changes to the same base; once one is committed,
  /// the other is rebased.
  ///
  /// - Throws: `ServiceError.invalid` when a file or hunk is not in the diff, cannot be taken alone, or the part does
  ///   not compile.
  func take(
    _ id: String, files: [String], hunks: [Int]
  ) async throws -> (diff: DiffRecord, rest: DiffRecord?) {
    let diff = try await pendingReview(id)
    let project = try await projects.project(diff.projectId)
    let repository = projects.repositories.writer(project.repositoryPath)
    let trees = try await trees(of: diff, in: repository)
    let changes = try await repository.changes(from: trees.base, to: trees.proposal)
    let part = try Selection(files: files, hunks: hunks, of: changes)
    guard !part.rest.files.isEmpty || !part.rest.hunks.isEmpty else {
      return (try await judge(id, isApproved: true, feedback: nil), nil)
    }
    func tree(_ part: Selection.Part) async throws -> ObjectID {
      try await repository.take(
        hunks: part.hunks, files: part.files, of: changes, from: trees.base, to: trees.proposal)
    }
    let (taken, left) = (try await tree(part.taken), try await tree(part.rest))
    if let fault = try await syntaxFault(from: trees.base, to: taken, in: repository) {
      throw ServiceError(.invalid, "what is taken does not compile alone: \(fault)", location: ["body", "hunks"])
    }
    let content = try await repository.diff(from: trees.base, to: taken).text
    guard let base = ObjectID(diff.baseCommit) else { throw ServiceError(.wrongState, "the diff's base is lost") }
    let rest = try await make(
      Draft(
        sessionID: diff.sessionId, project: project, base: base, tree: left, prompt: diff.vibecoderPrompt,
        reasoning: diff.evaluatorReasoning, commitMessage: diff.commitMessage, parentID: id, traceID: diff.traceId))
    let stored = try await store(rest) { db, events in
      guard var diff = try db.diff(id: id), diff.status == .evaluatorApproved,
        diff.proposalTree == trees.proposal.hex
      else { throw ServiceError(.wrongState, "the diff was reviewed by somebody else") }
      diff.status = .humanApproved
      diff.proposalTree = taken.hex
      diff.diffContent = content
      diff.updatedAt = Timestamp.now.text
      try db.update(diff)
      events.append(NewEvent("diff.updated", topics: diff.topics, data: DiffView.updated(diff)))
    }
    // After the row: until then the reference keeps the whole.
    try await repository.setReference(Self.reference(id), to: taken, note: "part of the proposal")
    labels.forget(diff.projectId)
    return (try await self.diff(id), stored)
  }

  /// A diff that waits for its review.
  func pendingReview(_ id: String) async throws -> DiffRecord {
    let diff = try await stored(id)
    guard diff.status == .evaluatorApproved else {
      throw ServiceError(.wrongState, "Diff is not pending review (status: \(diff.status.rawValue))")
    }
    return diff
  }
}

/// Some files and hunks of a change, and the others.
struct Selection {
  /// Whole files, by their new path, and single hunks.
  struct Part: Hashable, Sendable {
    var files: Set<String> = []
    var hunks: Set<Int> = []
  }

  private(set) var taken = Part()
  private(set) var rest = Part()

  /// Divides a change by what was named.
  init(files: [String], hunks: [Int], of changes: [FileChange]) throws(ServiceError) {
    let (wantedFiles, wantedHunks) = (Set(files), Set(hunks))
    if let unknown = files.first(where: { name in !changes.contains { Self.is($0, name) } }) {
      throw ServiceError(.invalid, "the diff does not change '\(unknown)'", location: ["body", "files"])
    }
    let count = changes.reduce(0) { $0 + $1.hunks.count }
    if let unknown = hunks.first(where: { $0 < 1 || $0 > count }) {
      throw ServiceError(
        .invalid, "there is no hunk \(unknown): the diff has \(count), numbered from 1", location: ["body", "hunks"])
    }
    for change in changes {
      let numbers = Set(change.hunks.map(\.number))
      let isWhole = wantedFiles.contains { Self.is(change, $0) }
      let chosen = isWhole ? numbers : numbers.intersection(wantedHunks)
      if isWhole || (!numbers.isEmpty && chosen == numbers) {
        taken.files.insert(change.file.path)
      } else if chosen.isEmpty {
        rest.files.insert(change.file.path)
      } else {
        guard change.file.kind == .modified, !change.changesMode else {
          throw ServiceError(
            .invalid, "\(change.file.path) is renamed or changes its mode: take all of its hunks or none",
            location: ["body", "hunks"])
        }
        taken.hunks.formUnion(chosen)
        rest.hunks.formUnion(numbers.subtracting(chosen))
      }
    }
    guard !taken.files.isEmpty || !taken.hunks.isEmpty else {
      throw ServiceError(.invalid, "nothing is taken: name files or hunks, or reject the diff", location: ["body"])
    }
  }

  private static func `is`(_ change: FileChange, _ name: String) -> Bool {
    change.file.path == name || change.file.oldPath == name
  }
}
