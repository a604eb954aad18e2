import EventLog
import Git
import Logging
import Store

extension DiffService {
  /// Keeps the labels of all pending diffs true until the task is cancelled.
  ///
  /// That is whenever a branch moves, by a commit of ours or of any other tool, and whether or not anybody asks. It
  /// keeps out of the way of a commit, and looks behind it.
  package func run() async {
    for await _ in projects.directory.wakeups {
      for id in projects.directory.ids where !commitLocks.isHeld(id) {
        do { _ = try await bringLabels(of: id) } catch is ServiceError {
          // The project went in between.
        } catch {
          logger.error("diffs cannot be labelled", metadata: ["project": "\(id)", "error": "\(error)"])
        }
      }
    }
  }

  /// Labels a project's pending diffs anew when its head is another than at the last time; true when it was.
  func bringLabels(of project: String) async throws -> Bool {
    guard labels.isNew(try await projects.project(project).currentCommit, of: project) else { return false }
    return try await labelLocks.withLock(project) {
      let head = try await projects.project(project).currentCommit
      guard labels.isNew(head, of: project) else { return true }
      if let commit = head.flatMap(ObjectID.init) { try await relabel(project: project, head: commit) }
      labels.put(head, of: project)
      return true
    }
  }

  /// A diff that has just got its row, labelled anew in case the head moved while it was made.
  func settle(_ made: Made) async throws -> DiffRecord {
    let project = made.diff.projectId
    guard try await projects.project(project).currentCommit != made.head?.hex else { return made.diff }
    labels.forget(project)
    _ = try await bringLabels(of: project)
    return try await stored(made.diff.id)
  }

  /// So many are looked at before other readers of the repository have their turn.
  private static var labelsAtOnce: Int { 16 }

  /// Brings the merge status of a project's pending diffs up to date with the head, in memory.
  private func relabel(project id: String, head: ObjectID) async throws {
    let pending = try await journal.store.read { db in try db.pendingDiffs(ofProject: id) }
    guard !pending.isEmpty else { return }
    let repository = projects.repositories.reader(try await projects.project(id).repositoryPath)
    var changed: [DiffRecord] = []
    for start in stride(from: 0, to: pending.count, by: Self.labelsAtOnce) {
      let some = pending[start..<min(start + Self.labelsAtOnce, pending.count)]
      for (diff, fit) in zip(some, try await repository.fits(of: some, on: head)) {
        var label = diff
        switch fit {
        case .success(let fit): label.apply(fit)
        case .failure(let error):
          logger.error("a diff cannot be labelled", metadata: ["diff": "\(diff.id)", "error": "\(error)"])
        }
        if label != diff { changed.append(label) }
      }
    }
    guard !changed.isEmpty else { return }
    try await journal.append { [changed] db, events in
      for label in changed {
        // Only the label, and only of what it was made for: the diff may have been reviewed in between. One that is
        // being committed is told of by its commit.
        guard var diff = try db.diff(id: label.id), diff.isPending, diff.committingSha == nil,
          diff.proposalTree == label.proposalTree
        else { continue }
        diff.mergeStatus = label.mergeStatus
        diff.mergeConflicts = label.mergeConflicts
        try db.update(diff)
        events.append(NewEvent("diff.updated", topics: diff.topics, data: DiffView.updated(diff)))
      }
    }
  }
}

extension Repository {
  /// How each diff would fit a commit.
  fileprivate func fits(
    of diffs: ArraySlice<DiffRecord>, on head: ObjectID
  ) throws(GitError) -> [Result<MergeFit, GitError>] {
    let headTree = try tree(of: head)
    var baseTrees: [ObjectID: ObjectID] = [:]
    var fits: [Result<MergeFit, GitError>] = []
    for diff in diffs {
      do throws(GitError) {
        guard let base = ObjectID(diff.baseCommit), let tree = ObjectID(diff.proposalTree) else {
          throw GitError(.notFound, "the diff's trees cannot be read")
        }
        let baseTree: ObjectID
        if let known = baseTrees[base] { baseTree = known } else { baseTree = try self.tree(of: base) }
        baseTrees[base] = baseTree
        fits.append(.success(try fit(base: baseTree, ours: headTree, theirs: tree)))
      } catch {
        fits.append(.failure(error))
      }
    }
    return fits
  }
}
