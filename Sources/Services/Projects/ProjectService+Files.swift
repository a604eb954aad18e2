import EventLog
package import Git
import JSON
import Platform
package import Store

extension ProjectService {
  /// The entries of a project's tree at a commit, or at the head of its branch.
  package func files(of id: String, at commit: String?) async throws -> [TreeEntry] {
    let (repository, tree) = try await tree(of: id, at: commit)
    guard let tree else { return [] }
    return try await repository.entries(of: tree)
  }

  /// A file at a commit, or at the head of the branch, with the commit's name.
  package func file(
    _ path: String, of id: String, at commit: String?
  ) async throws -> (file: TreeFile, path: RepositoryPath) {
    let path = try Self.checked(path)
    let (repository, tree) = try await tree(of: id, at: commit)
    do {
      if let tree, let file = try await repository.file(path, in: tree) { return (file, path) }
    } catch {
      guard error.code == .badPath else { throw error }
    }
    throw ServiceError(.notFound, "File not found")
  }

  /// The name of a file's content at the head of the branch, which is its entity tag; nil when there is no file.
  package func tag(of path: String, in id: String, at commit: String?) async throws -> ObjectID? {
    try await files(of: id, at: commit).first { $0.path == path && $0.kind == .file }?.id
  }

  /// A file that was written.
  package struct Written: Sendable {
    /// The commit that has it.
    package let commit: ObjectID
    /// Its entity tag.
    package let tag: ObjectID
    /// Whether it was not there before.
    package let isNew: Bool
  }

  /// Writes one file as a commit of its own; content that is there already makes none.
  ///
  /// - Throws: `ServiceError.changed` unless the condition allows it for the file as it is at the branch's head.
  package func write(
    _ content: [UInt8], to path: String, of id: String, if condition: FileCondition, message: String?
  ) async throws -> Written {
    let path = try Self.checked(path)
    return try await locks.withLock(id) {
      let record = try await project(id)
      let present = try await self.tag(of: path.text, in: id, at: nil)
      guard condition.allows(present?.hex) else {
        throw ServiceError(
          .changed, "\(path) is not as the condition says: its ETag is \(present?.hex ?? "none, there is no file")")
      }
      guard let head = record.currentCommit.flatMap(ObjectID.init) else {
        throw ServiceError(.wrongState, "the project's repository has no commit")
      }
      let repository = repositories.writer(record.repositoryPath)
      let tree = try await repository.tree(of: head)
      let changed = try await Self.put(content, at: path, into: tree, of: repository)
      if changed != tree { try await move(record, from: head, to: changed, message: message, path) }
      let after = try await project(id)
      guard let commit = after.currentCommit.flatMap(ObjectID.init),
        let tag = try await tag(of: path.text, in: id, at: nil)
      else { throw ServiceError(.conflict, "\(path) was removed by another tool") }
      return Written(commit: commit, tag: tag, isNew: present == nil)
    }
  }

  /// A tree with one file's content changed; its mode stays.
  private static func put(
    _ content: [UInt8], at path: RepositoryPath, into tree: ObjectID, of repository: Repository
  ) async throws -> ObjectID {
    do {
      let mode = try await repository.file(path, in: tree)?.mode ?? .regular
      return try await repository.makeTree(from: tree, changes: [(path, TreeFile(content, mode: mode))])
    } catch {
      guard error.code == .badPath else { throw error }
      throw ServiceError(.invalid, error.message, location: ["path", "path"])
    }
  }

  /// The reference that names where a work tree was before the branch moved, until the work tree has followed.
  static let checkoutReference = "refs/vibegrapher/checkout"

  /// Moves a project's branch to a commit of a tree, and everything else after it.
  private func move(
    _ record: ProjectRecord, from head: ObjectID, to tree: ObjectID, message: String?, _ path: RepositoryPath
  ) async throws {
    let repository = repositories.writer(record.repositoryPath)
    let subject = message?.contains { !$0.isWhitespace } == true ? message : nil
    let commit = try await repository.makeCommit(
      tree: tree, parents: [head], message: subject ?? "Change \(path)",
      author: StarterFiles.author(seconds: Timestamp.now.microseconds / 1_000_000))
    try await repository.setReference(Self.checkoutReference, to: head, note: "before \(commit)")
    do {
      try await repository.moveReference(
        "refs/heads/\(record.currentBranch)", from: head, to: commit, note: "commit: change \(path)")
    } catch {
      guard error.code == .moved else { throw error }
      try await repository.removeReference(Self.checkoutReference)
      throw ServiceError(.conflict, "another tool has moved the branch \(record.currentBranch); read the file again")
    }
    try await repository.followHead(from: try await repository.tree(of: head), to: tree)
    try await repository.removeReference(Self.checkoutReference)
    let after = try await refresh(record.id)
    await journal.post(
      NewEvent(
        "code_changed", topics: [Topic.project(record.id)],
        data: [
          "project_id": .string(record.id), "new_code": JSONValue(after.currentCode),
          "committed_sha": .string(commit.hex),
        ]))
  }

  private func tree(of id: String, at commit: String?) async throws -> (repository: Repository, tree: ObjectID?) {
    let record = try await project(id)
    let repository = repositories.reader(record.repositoryPath)
    guard let name = commit ?? record.currentCommit else { return (repository, nil) }
    return (repository, try await Self.lookUp { try await repository.commit(name) }.tree)
  }

  /// Runs a look-up in git; what is not there becomes a refusal.
  static func lookUp<T>(_ body: () async throws -> T) async throws -> T {
    do { return try await body() } catch let error as GitError {
      guard error.code == .notFound else { throw error }
      throw ServiceError(.notFound, error.message)
    }
  }

  private static func checked(_ path: String) throws -> RepositoryPath {
    do { return try RepositoryPath(path) } catch {
      throw ServiceError(.invalid, error.message, location: ["path", "path"])
    }
  }

  /// A page of the commits of a project's branch, newest first, or of those from a commit on; and one more commit when
  /// there is another page.
  package func commits(of id: String, from start: String?, page: Page) async throws -> [Commit] {
    let record = try await project(id)
    let repository = repositories.reader(record.repositoryPath)
    guard let name = start ?? record.currentCommit else { return [] }
    let commit = try await Self.lookUp { try await repository.commit(name) }
    guard let after = page.after else { return try await repository.log(from: commit.id, limit: page.limit + 1) }
    guard let last = ObjectID(after),
      let rest = try await repository.log(from: commit.id, after: last, limit: page.limit + 1)
    else {
      throw StoreError(.unknownRow, "after must be the sha of the last commit that was read, found '\(after)'")
    }
    return rest
  }

  /// A commit with what it changed against its first parent.
  package func commit(
    _ name: String, of id: String
  ) async throws -> (commit: Commit, diff: String, files: [ChangedFile]) {
    let record = try await project(id)
    let repository = repositories.reader(record.repositoryPath)
    let commit = try await Self.lookUp { try await repository.commit(name) }
    var parentTree: ObjectID?
    if let parent = commit.parents.first { parentTree = try await repository.tree(of: parent) }
    let (diff, files) = try await repository.diff(from: parentTree, to: commit.tree)
    return (commit, diff, files)
  }

  /// The branches of a project.
  package func branches(of id: String) async throws -> [(name: String, commit: ObjectID)] {
    let record = try await project(id)
    return try await repositories.reader(record.repositoryPath).branches()
  }
}
