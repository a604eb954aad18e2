import EventLog
import GRDB
import Git
import JSON
package import Logging
import Platform
package import PythonSource
package import Store

/// Proposed changes on their way through a person's review into the branch.
///
///     evaluator_approved -> human_approved -> committed
///                     \-> human_rejected
package struct DiffService: Sendable {
  let projects: ProjectService
  let journal: Journal
  let python: PythonHelper
  let logger: Logger
  let labels = LabelledHeads()
  /// Held while a project's diffs are labelled, so that each change is told of once.
  let labelLocks = KeyedLock()
  /// Held while a diff of a project is committed, which labels the others itself.
  let commitLocks = KeyedLock()

  /// Diffs of these projects; `run` keeps their labels.
  package init(projects: ProjectService, python: PythonHelper, logger: Logger) {
    self.projects = projects
    journal = projects.journal
    self.python = python
    self.logger = logger
  }

  /// A diff.
  package func diff(_ id: String) async throws -> DiffRecord {
    _ = try await bringLabels(of: try await stored(id).projectId)
    // Read again even when the labels were true: somebody else may have brought them in between.
    return try await stored(id)
  }

  func stored(_ id: String) async throws -> DiffRecord {
    guard let diff = try await journal.store.read({ db in try db.diff(id: id) }) else {
      throw ServiceError(.notFound, "Diff not found")
    }
    return diff
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

  /// Takes a person's verdict, with whatever else belongs into the same transaction.
  func judge(
    _ id: String, isApproved: Bool, feedback: String?,
    _ change: @escaping @Sendable (Database, inout [NewEvent]) throws -> Void = { _, _ in }
  ) async throws -> DiffRecord {
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
      try change(db, &events)
      return diff
    }
  }
}

extension DiffRecord {
  /// Whether it waits for a person or a commit.
  var isPending: Bool { status == .evaluatorApproved || status == .humanApproved }
}
