import EventLog
import Git
package import JSON
package import Logging
import Platform
package import Store

/// Proposed changes on their way through a person's review into the branch.
///
///     evaluator_approved -> human_approved -> committed
///                     \-> human_rejected
package struct DiffService: Sendable {
  let projects: ProjectService
  let journal: Journal
  let logger: Logger
  private let labels = LabelledHeads()

  /// Diffs of these projects.
  package init(projects: ProjectService, logger: Logger) {
    self.projects = projects
    journal = projects.journal
    self.logger = logger
  }

  /// A diff.
  package func diff(_ id: String) async throws -> DiffRecord {
    let diff = try await stored(id)
    return try await bringLabels(of: diff.projectId) ? try await stored(id) : diff
  }

  private func stored(_ id: String) async throws -> DiffRecord {
    guard let diff = try await journal.store.read({ db in try db.diff(id: id) }) else {
      throw ServiceError(.notFound, "Diff not found")
    }
    return diff
  }

  /// Labels a project's pending diffs anew when another tool has moved its head; true when it did.
  private func bringLabels(of project: String) async throws -> Bool {
    let head = try await projects.project(project).currentCommit
    guard labels.isNew(head, of: project) else { return false }
    try await relabel(project: project)
    labels.put(head, of: project)
    return true
  }

  /// The diffs of a project, newest first; of one status when it is given.
  package func diffs(project id: String, status: String?, page: Page? = nil) async throws -> [DiffRecord] {
    _ = try await bringLabels(of: id)
    return try await journal.store.read { db in try db.diffs(ofProject: id, status: status, page: page) }
  }

  /// The diffs of a session, newest first.
  package func diffs(session id: String, status: String?, page: Page? = nil) async throws -> [DiffRecord] {
    guard let session = try await journal.store.read({ db in try db.session(id: id) }) else {
      throw ServiceError(.notFound, "Session not found")
    }
    _ = try await bringLabels(of: session.projectId)
    return try await journal.store.read { db in try db.diffs(ofSession: id, status: status, page: page) }
  }

  /// The code before and after, of the entry file and of each file, without changing anything.
  package func preview(_ id: String) async throws -> JSONValue {
    let diff = try await diff(id)
    let project = try await projects.project(diff.projectId)
    let repository = projects.repositories.reader(project.repositoryPath)
    guard let base = ObjectID(diff.baseCommit), let tree = ObjectID(diff.proposalTree) else {
      throw ServiceError(.wrongState, "the diff's trees cannot be read")
    }
    let baseTree = try await repository.tree(of: base)
    var files: [JSONValue] = []
    for file in try await repository.diff(from: baseTree, to: tree).files {
      let before = file.kind == .added ? nil : try await Self.text(file.oldPath, in: baseTree, of: repository)
      let after = file.kind == .deleted ? nil : try await Self.text(file.path, in: tree, of: repository)
      files.append([
        "path": .string(file.path), "old_path": .string(file.oldPath), "change": .string(file.kind.rawValue),
        "original_code": JSONValue(before), "preview_code": JSONValue(after),
      ])
    }
    let original = try await projects.entryFile(in: baseTree, of: repository)
    let preview = try await projects.entryFile(in: tree, of: repository)
    return [
      "diff_id": .string(id), "original_code": JSONValue(original?.text ?? ""),
      "preview_code": JSONValue(preview?.text ?? ""), "diff_content": .string(diff.diffContent),
      "commit_message": .string(diff.commitMessage), "files": .array(files),
    ]
  }

  private static func text(_ path: String, in tree: ObjectID, of repository: Repository) async throws -> String? {
    try await repository.file(try RepositoryPath(path), in: tree).map { String(decoding: $0.content, as: UTF8.self) }
  }

  /// Takes a person's verdict.
  package func review(_ id: String, isApproved: Bool, feedback: String?) async throws -> DiffRecord {
    try await journal.append { db, events in
      guard var diff = try db.diff(id: id) else { throw ServiceError(.notFound, "Diff not found") }
      guard diff.status == .evaluatorApproved else {
        throw ServiceError(.wrongState, "Diff is not pending review (status: \(diff.status.rawValue))")
      }
      diff.status = isApproved ? .humanApproved : .humanRejected
      if !isApproved { diff.humanFeedback = feedback?.isEmpty == false ? feedback : "No feedback provided" }
      diff.updatedAt = Timestamp.now.text
      try db.update(diff)
      events.append(NewEvent("diff.updated", topics: diff.topics, data: DiffView.updated(diff)))
      return diff
    }
  }

  /// Approves a diff that waits for it and commits it, in one step.
  package func accept(_ id: String) async throws -> DiffRecord {
    if try await diff(id).status == .evaluatorApproved { _ = try await review(id, isApproved: true, feedback: nil) }
    return try await commit(id, message: nil)
  }
}
