package import EventLog
import Foundation
import Git
import JSON
package import Logging
import Platform
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

  /// The encoded list, newest first, when nothing has changed outside; otherwise nil, and `refreshedList` must be asked.
  package func listAtHand() -> [UInt8]? {
    let (json, stale) = directory.list()
    return stale.isEmpty ? json : nil
  }

  /// The encoded list, newest first, after a look into the repositories that have changed.
  package func refreshedList() async throws -> [UInt8] {
    // Bounded: a repository that changes all the time is shown as it was last read.
    for _ in 0..<3 {
      let (json, stale) = directory.list()
      if stale.isEmpty { return json }
      for id in stale { try await refresh(id) }
    }
    return JSONValue.array(try await all().map(ProjectView.json)).encodedBytes
  }

  /// The projects, newest first, as rows.
  package func all(page: Page? = nil) async throws -> [ProjectRecord] {
    try await journal.store.read { db in try db.projects(in: .ready, page: page) }
  }

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
  package func create(name: String, files: [String: String]? = nil, message: String? = nil) async throws
    -> ProjectRecord
  {
    let (id, folder) = (UUIDv7.make(), folder)
    let base = Slug.make(from: name)
    var record = try await journal.append { db, _ in
      let taken = try db.slugs(startingWith: base)
      let slug = Slug.unique(base) { taken.contains($0) || FileManager.default.fileExists(atPath: "\(folder)/\($0)") }
      let time = Timestamp.now.text
      let record = ProjectRecord(
        id: id, name: name, slug: slug, repositoryPath: "\(folder)/\(slug)", currentBranch: "main", state: .creating,
        createdAt: time)
      try db.insert(record)
      return record
    }
    do {
      let content = files ?? StarterFiles.project(named: name)
      let commit = try await makeRepository(record, files: content, message: message ?? "Initial project setup")
      let sighting = directory.look(at: record)
      record.currentCommit = commit.hex
      record.currentCode = EntryFile.choose(from: content.keys).flatMap { content[$0] }
      record.state = .ready
      record.updatedAt = Timestamp.now.text
      try await journal.append { [record] db, events in
        try db.update(record)
        events.append(
          NewEvent("project.created", topics: [Topic.project(record.id)], data: ProjectView.json(record)))
      }
      directory.put(record, seen: sighting)
      return record
    } catch {
      logger.error("a project could not be made", metadata: ["project": "\(id)", "error": "\(error)"])
      try await purge(record)
      throw error
    }
  }

  /// Makes the repository beside its place and moves it there when it is whole.
  private func makeRepository(
    _ record: ProjectRecord, files: [String: String], message: String
  ) async throws -> ObjectID {
    let temporary = "\(folder)/.new-\(record.id)"
    let repository = repositories.writer(temporary)
    try await repository.create(branch: record.currentBranch)
    let author = StarterFiles.author(seconds: Timestamp.now.microseconds / 1_000_000)
    try await repository.configure("user.name", author.name)
    try await repository.configure("user.email", author.email)
    // So that what took its place just before a crash is known for this project's own.
    try await repository.configure("vibegrapher.project", record.id)
    let changes = try files.sorted { $0.key < $1.key }.map { path, text in
      (path: try RepositoryPath(path), file: Optional(TreeFile(Array(text.utf8))))
    }
    let tree = try await repository.makeTree(from: nil, changes: changes)
    let commit = try await repository.makeCommit(tree: tree, parents: [], message: message, author: author)
    try await repository.setReference(
      "refs/heads/\(record.currentBranch)", to: commit, note: "commit (initial): \(message)")
    try await repository.followHead(from: nil)
    await repositories.forget(temporary)
    try await disk.run { try FileManager.default.moveItem(atPath: temporary, toPath: record.repositoryPath) }
    return commit
  }

  /// Gives a project another name; the slug and the folder stay, since clones point there.
  package func rename(_ id: String, to name: String) async throws -> ProjectRecord {
    var record = try await project(id)
    record.name = name
    let sighting = directory.look(at: record)
    record = try await save(record, event: "project.updated")
    directory.put(record, seen: sighting)
    return record
  }

  /// Removes a project with its repository, sessions, messages, diffs, tests and memory.
  package func delete(_ id: String) async throws {
    try await locks.withLock(id) {
      let removed = try await journal.append { db, events -> ProjectRecord in
        guard var record = try db.project(id: id) else { throw ServiceError(.notFound, "Project not found") }
        record.state = .deleting
        try db.update(record)
        events.append(NewEvent("project.deleted", topics: [Topic.project(id)], data: ["id": .string(id)]))
        return record
      }
      directory.remove(id)
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
      for path in [trash, "\(folder)/.new-\(record.id)"] where files.fileExists(atPath: path) {
        try files.removeItem(atPath: path)
      }
      try memory.remove()
    }
    try await journal.append { db, _ in try db.deleteProject(id: record.id) }
  }

  /// Where the memory of a project's agents is.
  package func conversationPath(of record: ProjectRecord) -> String { "\(folder)/\(record.slug)_conversations.db" }

  /// Reads a project's branch, commit and code anew and keeps them.
  @discardableResult
  package func refresh(_ id: String) async throws -> ProjectRecord {
    guard let found = directory.find(id) else { throw ServiceError(.notFound, "Project not found") }
    var record = found.record
    let repository = repositories.reader(record.repositoryPath)
    let sighting = directory.look(at: record)
    let head = try await repository.head()
    record.currentBranch = head.branch
    record.currentCommit = head.commit?.hex
    record.currentCode = nil
    if let commit = head.commit {
      record.currentCode = try await entryFile(in: try await repository.tree(of: commit), of: repository)?.text
    }
    if record != found.record { record = try await save(record, event: nil) }
    directory.put(record, seen: sighting)
    return record
  }

  /// The entry file of a tree with its text: `agents.py`, else `main.py`, else the first `.py`.
  func entryFile(in tree: ObjectID, of repository: Repository) async throws -> (path: String, text: String)? {
    let paths = try await repository.entries(of: tree).filter { $0.kind == .file }.map(\.path)
    guard let path = EntryFile.choose(from: paths) else { return nil }
    let file = try await repository.file(try RepositoryPath(path), in: tree)
    return file.map { (path, String(decoding: $0.content, as: UTF8.self)) }
  }

  private func save(_ record: ProjectRecord, event: String?) async throws -> ProjectRecord {
    var record = record
    record.updatedAt = Timestamp.now.text
    try await journal.append { [record] db, events in
      guard try db.project(id: record.id) != nil else { throw ServiceError(.notFound, "Project not found") }
      try db.update(record)
      if let event {
        events.append(NewEvent(event, topics: [Topic.project(record.id)], data: ProjectView.json(record)))
      }
    }
    return record
  }
}

/// Which file of a project is its code.
enum EntryFile {
  /// `agents.py`, else `main.py`, else the first `.py` by path, those at the top first.
  static func choose(from paths: some Sequence<String>) -> String? {
    let python = paths.filter { $0.hasSuffix(".py") }
    return ["agents.py", "main.py"].first(where: python.contains)
      ?? python.min { left, right in
        let (depthLeft, depthRight) = (left.filter { $0 == "/" }.count, right.filter { $0 == "/" }.count)
        return depthLeft == depthRight ? left < right : depthLeft < depthRight
      }
  }
}
