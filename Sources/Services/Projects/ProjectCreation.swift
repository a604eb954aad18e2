import EventLog
import Foundation
import Git
import JSON
package import Logging
import Platform
import Sandbox
package import Store

/// Makes projects: of starter files, of a template, of a repository elsewhere, and with one on GitHub.
///
/// A project that is made of a clone takes a while. Its maker waits, or is told its id at once and follows its events.
/// Until all of it is there nobody sees it, and of one that is cut short nothing is left.
package final class ProjectCreation: Sendable {
  /// What a project is to begin with.
  package enum Origin: Sendable {
    /// One program that says it is ready.
    case starter
    /// A template's files.
    case template(ProjectTemplate)
    /// All commits of a repository's default branch.
    case clone(CloneAddress)
  }

  private let projects: ProjectService
  private let transfer: GitTransfer
  private let gitHub: GitHubClient
  private let slots = Slots(2)
  private let pushes = KeyedLock()
  private let logger: Logger
  private let work: AsyncStream<Order>
  private let workInput: AsyncStream<Order>.Continuation

  private struct Order: Sendable {
    let record: ProjectRecord
    let origin: Origin
    let gitHub: GitHubRepository?
  }

  /// Makes projects of that service.
  package init(projects: ProjectService, transfer: GitTransfer, gitHub: GitHubClient, logger: Logger) {
    self.projects = projects
    self.transfer = transfer
    self.gitHub = gitHub
    self.logger = logger
    (work, workInput) = AsyncStream.makeStream(of: Order.self)
  }

  /// Makes a project, and its repository on GitHub when one is wanted.
  ///
  /// - Throws: `ServiceError`; nothing is left then, but a repository on GitHub that was made before.
  package func create(name: String, origin: Origin, gitHub: GitHubRepository?, owner: String?) async throws
    -> ProjectRecord
  {
    if gitHub != nil { _ = try self.gitHub.token() }
    return try await make(
      Order(record: try await projects.reserve(name: name, owner: owner), origin: origin, gitHub: gitHub))
  }

  /// The same, but returns as soon as the project has its id; `project.created` or `project.failed` follows.
  package func begin(name: String, origin: Origin, gitHub: GitHubRepository?, owner: String?) async throws
    -> ProjectRecord
  {
    if gitHub != nil { _ = try self.gitHub.token() }
    let record = try await projects.reserve(name: name, owner: owner)
    workInput.yield(Order(record: record, origin: origin, gitHub: gitHub))
    return record
  }

  /// Makes the projects that `begin` promised, until `stop`.
  package func run() async {
    await withDiscardingTaskGroup { group in
      for await order in work {
        group.addTask {
          // Whoever waits is told by an event, and the log says the rest.
          _ = try? await self.make(order)
        }
      }
      group.cancelAll()
    }
  }

  /// Lets `run` return; what is under way is cleared away by the next start.
  package func stop() { workInput.finish() }

  private func make(_ order: Order) async throws -> ProjectRecord {
    let record = try await projects.build(order.record) { reserved in
      var record: ProjectRecord
      switch order.origin {
      case .starter:
        record = try await self.projects.makeRepository(
          reserved, files: StarterFiles.project(named: reserved.name), message: "Initial project setup")
      case .template(let template):
        record = try await self.projects.makeRepository(
          reserved, files: template.files, message: "Begin with the template \(template.name)")
      case .clone(let address):
        record = try await self.slots.run { try await self.clone(address, as: reserved) }
      }
      guard let wanted = order.gitHub else { return record }
      let made = try await self.gitHub.make(wanted)
      record.remoteUrl = made.address.text
      record.githubRepository = made.fullName
      return record
    }
    guard record.githubRepository != nil else { return record }
    do { return try await push(record.id) } catch let error as ServiceError {
      // The project and its repository on GitHub are there; what is missing can be asked for again.
      logger.warning("a first push failed", metadata: ["project": "\(record.id)", "error": "\(error.message)"])
      return record
    }
  }

  private func clone(_ address: CloneAddress, as reserved: ProjectRecord) async throws -> ProjectRecord {
    let (folder, journal) = (projects.folder, projects.journal)
    let isHidden = transfer.sandbox.features.contains(.privateRoot)
    let download =
      isHidden ? ProjectService.download(for: reserved, in: folder) : ProjectService.openDownload(for: reserved)
    try await projects.disk.run {
      try FileManager.default.createDirectory(atPath: download, withIntermediateDirectories: false)
    }
    let clone = try await transfer.clone(address, into: download) { progress in
      await journal.post(
        NewEvent(
          "project.progress", topics: [Topic.project(reserved.id)],
          data: [
            "id": .string(reserved.id), "phase": .string(progress.phase), "percent": .integer(progress.percent),
            "bytes": .integer(progress.bytes),
          ]))
    }
    var record = reserved
    record.currentBranch = clone.branch
    record.remoteUrl = address.text
    let repository = try await projects.beginRepository(of: record, branch: clone.branch)
    let limit = transfer.bounds.bytes
    try await projects.disk.run {
      try PackImport.move(
        from: "\(download)/\(GitTransfer.cloneName)/objects/pack", to: "\(repository.path)/.git/objects/pack",
        limit: limit)
      try FileManager.default.removeItem(atPath: download)
    }
    // Links are shown as files that hold their target: none on the disk can lead out of the repository.
    try await repository.configure("core.symlinks", "false")
    return try await check(repository, record, clone, limit: limit)
  }

  /// Looks at the newest commit of a clone before any of it is put on the disk.
  private func check(
    _ repository: Repository, _ record: ProjectRecord, _ clone: GitTransfer.Clone, limit: Int
  ) async throws -> ProjectRecord {
    func refuse(_ reason: String) -> ServiceError {
      ServiceError(.invalid, "the repository cannot be taken: \(reason)", location: ["body", "clone_url"])
    }
    do {
      let commit = try await repository.commit(clone.commit)
      let entries = try await repository.entries(of: commit.tree, limit: 20_001)
      guard entries.count <= 20_000 else { throw refuse("it has more than 20,000 files") }
      for entry in entries { _ = try RepositoryPath(entry.path) }
      guard entries.reduce(0, { $0 + ($1.size ?? 0) }) <= limit else { throw GitTransfer.tooLarge(limit) }
      return try await projects.finishRepository(
        repository, of: record, commit: commit.id, note: "clone: from \(record.remoteUrl ?? "elsewhere")")
    } catch let error as GitError { throw refuse(error.message) }
  }

  /// Pushes the newest commit of a project to its repository on GitHub.
  ///
  /// - Throws: `ServiceError`: `.wrongState` when it has none, `.conflict` when the branch there has other commits.
  package func push(_ id: String) async throws -> ProjectRecord {
    try await pushes.withLock(id) {
      let project = try await projects.project(id)
      guard project.githubRepository != nil, let remote = project.remoteUrl else {
        throw ServiceError(.wrongState, "the project has no repository on GitHub: make it with 'github'")
      }
      guard let commit = project.currentCommit.flatMap(ObjectID.init) else {
        throw ServiceError(.wrongState, "the project's repository has no commit")
      }
      guard project.pushedCommit != commit.hex else { return project }
      try await transfer.push(
        commit, of: project.repositoryPath, to: try gitHub.address(remote), branch: project.currentBranch,
        token: try gitHub.token())
      return try await projects.notePush(of: id, commit: commit)
    }
  }
}

/// Takes the packs out of a repository that a process in the sandbox has written, and nothing else of it.
enum PackImport {
  /// Moves packs and their indexes; what has another name, or is no plain file of one name, is left.
  ///
  /// - Throws: `ServiceError` when there are none, or more than `limit` bytes of them.
  static func move(from source: String, to target: String, limit: Int) throws {
    let files = FileManager.default
    let names = try files.contentsOfDirectory(atPath: source).filter {
      $0.wholeMatch(of: /pack-[0-9a-f]{40}\.(pack|idx)/) != nil
    }
    var bytes = 0
    for name in names {
      // attributesOfItem does not follow links.
      let attributes = try files.attributesOfItem(atPath: "\(source)/\(name)")
      guard attributes[.type] as? FileAttributeType == .typeRegular, attributes[.referenceCount] as? Int == 1 else {
        continue
      }
      bytes += attributes[.size] as? Int ?? 0
      guard bytes <= limit else { throw GitTransfer.tooLarge(limit) }
      try files.moveItem(atPath: "\(source)/\(name)", toPath: "\(target)/\(name)")
      try files.setAttributes([.posixPermissions: 0o444], ofItemAtPath: "\(target)/\(name)")
    }
    guard bytes > 0 else { throw ServiceError(.upstream, "git could not clone it: no pack came") }
  }
}
