import EventLog
import Foundation
import Git
package import Logging
import Store

/// Brings git, the disk and the database together at a start, after a stop or a crash at any point.
package struct Repair: Sendable {
  private let projects: ProjectService
  private let diffs: DiffService
  private let logger: Logger

  /// A repair of these.
  package init(projects: ProjectService, diffs: DiffService, logger: Logger) {
    self.projects = projects
    self.diffs = diffs
    self.logger = logger
  }

  /// Must have returned before anything else uses the projects.
  package func run() async throws {
    let store = projects.journal.store
    for state in [ProjectRecord.State.creating, .deleting] {
      for project in try await store.read({ db in try db.projects(in: state) }) {
        logger.notice("clearing away a project that was \(state)", metadata: ["project": "\(project.id)"])
        try await projects.purge(project)
        guard state == .creating else { continue }
        await projects.journal.post(ProjectView.failed(project.id, "the daemon ended before the project was made"))
      }
    }
    try removeLeftovers()
    for project in try await store.read({ db in try db.projects(in: .ready) }).reversed() {
      removeLocks(of: project)
      await finishCheckout(of: project)
      try await load(project)
    }
    for diff in try await store.read({ db in try db.committingDiffs() }) { try await finish(diff) }
    for project in try await store.read({ db in try db.projects(in: .ready) }) { await mendProposals(of: project) }
  }

  /// Brings `refs/proposals/` to what the rows say: a crash may have come between the two.
  private func mendProposals(of project: ProjectRecord) async {
    do {
      let rows = try await projects.journal.store.read { db in try db.diffsWithProposals(ofProject: project.id) }
      let wanted = Dictionary(uniqueKeysWithValues: rows.map { (DiffService.reference($0.id), $0.proposalTree) })
      let repository = projects.repositories.writer(project.repositoryPath)
      let present = Dictionary(uniqueKeysWithValues: try await repository.references("refs/proposals/*"))
      for name in present.keys where wanted[name] == nil { try await repository.removeReference(name) }
      for (name, hex) in wanted {
        guard let tree = ObjectID(hex), tree != present[name] else { continue }
        guard try await repository.contains(tree) else {
          logger.error("what a diff proposes is gone from the repository", metadata: ["reference": "\(name)"])
          continue
        }
        try await repository.setReference(name, to: tree, note: "proposal")
      }
    } catch {
      logger.error("proposals cannot be looked through", metadata: ["project": "\(project.id)", "error": "\(error)"])
    }
  }

  /// A project whose repository cannot be read is shown as it was last known; the log says why.
  private func load(_ project: ProjectRecord) async throws {
    projects.directory.put(project, seen: projects.directory.look(at: project))
    do { try await projects.refresh(project.id) } catch {
      logger.error("a repository cannot be read", metadata: ["project": "\(project.id)", "error": "\(error)"])
    }
  }

  /// Removes the lock files that a killed daemon left: git would refuse every change to what they lock for ever.
  private func removeLocks(of project: ProjectRecord) {
    let (files, git) = (FileManager.default, "\(project.repositoryPath)/.git")
    let references = files.enumerator(atPath: "\(git)/refs")?.compactMap { ($0 as? String).map { "refs/\($0)" } } ?? []
    let top = (try? files.contentsOfDirectory(atPath: git)) ?? []
    for name in top + references where name.hasSuffix(".lock") {
      logger.notice("removing a lock that was left", metadata: ["project": "\(project.id)", "lock": "\(name)"])
      do { try files.removeItem(atPath: "\(git)/\(name)") } catch {
        logger.error("a lock cannot be removed", metadata: ["lock": "\(name)", "error": "\(error)"])
      }
    }
  }

  /// Brings a work tree to the branch that had moved on when the daemon was killed.
  private func finishCheckout(of project: ProjectRecord) async {
    let repository = projects.repositories.writer(project.repositoryPath)
    do {
      guard let previous = try await repository.reference(ProjectService.checkoutReference) else { return }
      if let head = try await repository.head().commit {
        try await repository.finishCheckout(
          from: try await repository.tree(of: previous), to: try await repository.tree(of: head))
      }
      try await repository.removeReference(ProjectService.checkoutReference)
    } catch {
      logger.error("a work tree cannot be finished", metadata: ["project": "\(project.id)", "error": "\(error)"])
    }
  }

  /// Folders that were about to become a project's, or about to go.
  private func removeLeftovers() throws {
    for name in try FileManager.default.contentsOfDirectory(atPath: projects.folder)
    where name.hasPrefix(".new-") || name.hasPrefix(".trash-") {
      try FileManager.default.removeItem(atPath: "\(projects.folder)/\(name)")
    }
  }

  /// A commit that was begun: if the branch holds it, it happened, and the row is brought up to it; if not, it did not.
  private func finish(_ diff: DiffRecord) async throws {
    var diff = diff
    guard let commit = diff.committingSha.flatMap(ObjectID.init) else { return }
    do {
      let project = try await projects.project(diff.projectId)
      let repository = projects.repositories.writer(project.repositoryPath)
      if let head = try await repository.head().commit, try await repository.isAncestor(commit, of: head) {
        if let base = ObjectID(diff.baseCommit) {
          let trees = (old: try await repository.tree(of: base), new: try await repository.tree(of: commit))
          // What somebody has changed since the checkout was done stays as it is.
          if try await !repository.hasFollowed(from: trees.old, to: trees.new) {
            try await repository.finishCheckout(from: trees.old, to: trees.new)
          }
        }
        logger.notice("finishing a commit that was cut short", metadata: ["diff": "\(diff.id)"])
        if diff.status == .committed {
          try await diffs.cleanUp(behind: diff, in: repository)
          _ = await diffs.endCommit(diff, commit, entry: try await repository.entryFile(of: commit))
        } else {
          _ = try await diffs.finish(diff, commit: commit, in: repository)
        }
        return
      }
    } catch {
      logger.error("a commit cannot be looked up", metadata: ["diff": "\(diff.id)", "error": "\(error)"])
      return
    }
    diff.committingSha = nil
    try await projects.journal.append { [diff] db, _ in try db.update(diff) }
  }
}
