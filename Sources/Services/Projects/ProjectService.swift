package import EventLog
import Foundation
import GRDB
import Git
import JSON
package import Logging
package import Platform
package import Store

/// Projects: a row each, and a git repository at `MEDIA_PATH/projects/SLUG`.
package final class ProjectService: Sendable {
  /// The way into the database.
  package let journal: Journal
  /// The repositories in use.
  package let repositories: RepositoryPool
  /// Held while a repository is written.
  package let locks = KeyedLock()
  let directory = ProjectDirectory()
  /// Where files are moved, removed and written.
  package let disk: DiskThread
  let folder: String
  let logger: Logger

  /// Most characters of a project's name.
  package static let nameLimit = 250

  /// Projects in a media folder, which is made when it is not there.
  package init(journal: Journal, repositories: RepositoryPool, mediaPath: String, logger: Logger) throws {
    self.journal = journal
    self.repositories = repositories
    self.logger = logger
    disk = try DiskThread()
    folder = mediaPath + "/projects"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  /// The encoded list, newest first, of an owner's projects or of all, when nothing has changed outside; otherwise nil,
  /// and `refreshedList` must be asked.
  package func listAtHand(owner: String? = nil) -> [UInt8]? {
    let (json, stale) = directory.list(owner: owner)
    return stale.isEmpty ? json : nil
  }

  /// The encoded list, newest first, after a look into the repositories that have changed.
  package func refreshedList(owner: String? = nil) async throws -> [UInt8] {
    // Bounded: a repository that changes all the time is shown as it was last read.
    for _ in 0..<3 {
      let (json, stale) = directory.list(owner: owner)
      if stale.isEmpty { return json }
      for id in stale { try await refresh(id) }
    }
    return JSONValue.array(try await all(owner: owner).map(ProjectView.json)).encodedBytes
  }

  /// The projects of an owner, or all, newest first, as rows.
  package func all(page: Page? = nil, owner: String? = nil) async throws -> [ProjectRecord] {
    try await journal.store.read { db in try db.projects(in: .ready, page: page, owner: owner) }
  }

  /// Reads anew whose the projects are, after another process gave some away.
  package func reloadOwners() async throws { directory.setOwners(of: try await all()) }

  /// A project as its repository is now.
  ///
  /// - Throws: `ServiceError.notFound`.
  package func project(_ id: String) async throws -> ProjectRecord {
    guard let found = directory.find(id) else { throw ServiceError(.notFound, "Project not found") }
    guard found.isStale else { return found.record }
    try await refresh(id)
    guard let found = directory.find(id) else { throw ServiceError(.notFound, "Project not found") }
    return found.record
  }

  /// Makes a project with its repository and first commit.
  package func create(
    name: String, files: [String: String]? = nil, message: String? = nil, owner: String? = nil
  ) async throws -> ProjectRecord {
    try await build(try await reserve(name: name, owner: owner)) { reserved in
      try await self.makeRepository(
        reserved, files: files ?? StarterFiles.project(named: name), message: message ?? "Initial project setup")
    }
  }

  /// Takes the slug and the row of a project that is about to be made; nobody sees it before it is ready.
  func reserve(name: String, owner: String?) async throws -> ProjectRecord {
    let (id, folder) = (UUIDv7.make(), folder)
    let base = Slug.make(from: name)
    return try await journal.append { db, _ in
      let taken = try db.slugs(startingWith: base)
      let slug = Slug.unique(base) { taken.contains($0) || FileManager.default.fileExists(atPath: "\(folder)/\($0)") }
      let time = Timestamp.now.text
      let record = ProjectRecord(
        id: id, name: name, slug: slug, repositoryPath: "\(folder)/\(slug)", currentBranch: "main", state: .creating,
        owner: owner, createdAt: time)
      try db.insert(record)
      return record
    }
  }

  /// Makes a reserved project ready once `make` has put its repository into its place; of one that fails nothing is
  /// left.
  func build(
    _ reserved: ProjectRecord, _ make: (ProjectRecord) async throws -> ProjectRecord
  ) async throws -> ProjectRecord {
    do {
      var record = try await make(reserved)
      let sighting = directory.look(at: record)
      record.state = .ready
      record.updatedAt = Timestamp.now.text
      try await journal.append(committed: { [directory, record] in directory.put(record, seen: sighting) }) {
        [record] db, events in
        try db.update(record)
        events.append(
          NewEvent("project.created", topics: [Topic.project(record.id)], data: ProjectView.json(record)))
      }
      return record
    } catch {
      // What is wrong with a request is for its sender; everything else is for whoever runs the daemon.
      let fault = error as? ServiceError
      logger.log(
        level: fault == nil ? .error : fault?.code == .invalid ? .info : .warning, "a project could not be made",
        metadata: ["project": "\(reserved.id)", "error": "\(fault?.message ?? "\(error)")"])
      let reason = fault?.message ?? "something went wrong inside; the log has more"
      await journal.post(ProjectView.failed(reserved.id, reason))
      try await purge(reserved)
      throw error
    }
  }

  /// Makes the repository of a reserved project with a first commit of these files.
  func makeRepository(
    _ reserved: ProjectRecord, files: [String: String], message: String
  ) async throws -> ProjectRecord {
    let repository = try await beginRepository(of: reserved, branch: reserved.currentBranch)
    let changes = try files.sorted { $0.key < $1.key }.map { path, text in
      (path: try RepositoryPath(path), file: Optional(TreeFile(Array(text.utf8))))
    }
    let tree = try await repository.makeTree(from: nil, changes: changes)
    let author = StarterFiles.author(seconds: Timestamp.now.microseconds / 1_000_000)
    let commit = try await repository.makeCommit(tree: tree, parents: [], message: message, author: author)
    return try await finishRepository(repository, of: reserved, commit: commit, note: "commit (initial): \(message)")
  }

  /// Makes an empty repository beside the place of a project's.
  func beginRepository(of record: ProjectRecord, branch: String) async throws -> Repository {
    let repository = repositories.writer(Self.temporary(for: record, in: folder))
    try await repository.create(branch: branch)
    let author = StarterFiles.author(seconds: 0)
    try await repository.configure("user.name", author.name)
    try await repository.configure("user.email", author.email)
    // So that what took its place just before a crash is known for this project's own.
    try await repository.configure("vibegrapher.project", record.id)
    return repository
  }

  /// Puts a branch on a commit, its files on the disk, and the repository into its place.
  func finishRepository(
    _ repository: Repository, of reserved: ProjectRecord, commit: ObjectID, note: String
  ) async throws -> ProjectRecord {
    var record = reserved
    try await repository.setReference("refs/heads/\(record.currentBranch)", to: commit, note: note)
    try await repository.followHead(from: nil)
    record.currentCommit = commit.hex
    record.currentCode = try await repository.code(of: commit)
    await repositories.forget(repository.path)
    try await disk.run { [record] in
      try FileManager.default.moveItem(atPath: repository.path, toPath: record.repositoryPath)
    }
    return record
  }

  /// Where a project's repository is made, and what is downloaded for it.
  static func temporary(for record: ProjectRecord, in folder: String) -> String { "\(folder)/.new-\(record.id)" }
  static func download(for record: ProjectRecord, in folder: String) -> String { "\(folder)/.new-\(record.id)-clone" }
  /// The same, where another user must be able to reach it.
  static func openDownload(for record: ProjectRecord) -> String { "/tmp/vibegrapher-clone-\(record.id)" }

  /// Gives a project another name; the slug and the folder stay, since clones point there.
  package func rename(_ id: String, to name: String) async throws -> ProjectRecord {
    _ = try await project(id)
    return try await change(id, with: Self.update) { $0.name = name }
  }

  /// Notes that a commit of a project is on GitHub.
  func notePush(of id: String, commit: ObjectID) async throws -> ProjectRecord {
    try await change(id, with: Self.update) { $0.pushedCommit = commit.hex }
  }

  /// Removes a project with its repository, sessions, messages, diffs, tests and memory.
  package func delete(_ id: String) async throws {
    try await locks.withLock(id) {
      let removed = try await journal.append(committed: { [directory] _ in directory.remove(id) }) {
        db, events -> ProjectRecord in
        guard var record = try db.project(id: id) else { throw ServiceError(.notFound, "Project not found") }
        record.state = .deleting
        try db.update(record)
        events.append(NewEvent("project.deleted", topics: [Topic.project(id)], data: ["id": .string(id)]))
        return record
      }
      try await purge(removed)
    }
  }

  /// Removes what a project has on the disk, then its row; done again at the next start if it is cut short.
  func purge(_ record: ProjectRecord) async throws {
    directory.remove(record.id)
    await repositories.forget(record.repositoryPath)
    let (folder, memory) = (folder, ConversationFile(path: conversationPath(of: record)))
    try await disk.run {
      let files = FileManager.default
      let trash = "\(folder)/.trash-\(record.id)"
      // What stands in the place of a project that was never finished may be somebody else's.
      let settings = try? String(contentsOfFile: "\(record.repositoryPath)/.git/config", encoding: .utf8)
      let isOwn = record.state != .creating || settings?.contains("project = \(record.id)\n") == true
      if isOwn, files.fileExists(atPath: record.repositoryPath) {
        try files.moveItem(atPath: record.repositoryPath, toPath: trash)
      }
      let made = [
        Self.temporary(for: record, in: folder), Self.download(for: record, in: folder), Self.openDownload(for: record),
      ]
      for path in [trash] + made where files.fileExists(atPath: path) {
        try files.removeItem(atPath: path)
      }
      try memory.remove()
    }
    try await journal.append { db, _ in try db.deleteProject(id: record.id) }
  }

  /// Where the memory of a project's agents is.
  package func conversationPath(of record: ProjectRecord) -> String { "\(folder)/\(record.slug)_conversations.db" }

  /// What is written together with a project's row.
  typealias Rider = @Sendable (ProjectRecord, Database, inout [NewEvent]) throws -> Void

  private static let update: Rider = { record, _, events in
    events.append(NewEvent("project.updated", topics: [Topic.project(record.id)], data: ProjectView.json(record)))
  }

  /// Reads a project's branch, commit and code anew and keeps them, in one transaction with what tells of them.
  @discardableResult
  func refresh(_ id: String, with rider: Rider? = nil) async throws -> ProjectRecord {
    guard let found = directory.find(id) else { throw ServiceError(.notFound, "Project not found") }
    var record = found.record
    let repository = repositories.reader(record.repositoryPath)
    let sighting = directory.look(at: record)
    let state = try await repository.state()
    record.currentBranch = state.branch
    record.currentCommit = state.commit?.hex
    record.currentCode = state.code
    if record == found.record, rider == nil {
      directory.confirm(record, seen: sighting)
      return record
    }
    return try await change(id, seen: sighting, with: rider) {
      $0.currentBranch = state.branch
      $0.currentCommit = state.commit?.hex
      $0.currentCode = state.code
    }
  }

  /// Changes some columns of a project's row and leaves the others as they are: somebody may have changed those since
  /// they were read.
  private func change(
    _ id: String, seen sighting: ProjectDirectory.Sighting? = nil, with rider: Rider?,
    _ columns: @escaping @Sendable (inout ProjectRecord) -> Void
  ) async throws -> ProjectRecord {
    // Without anything else it is a copy of what the repository says.
    try await journal.append(
      isDurable: rider != nil, committed: { [directory] in directory.put($0, seen: sighting) }
    ) { db, events in
      guard var row = try db.project(id: id) else { throw ServiceError(.notFound, "Project not found") }
      columns(&row)
      row.updatedAt = Timestamp.now.text
      try db.update(row)
      try rider?(row, db, &events)
      return row
    }
  }
}
