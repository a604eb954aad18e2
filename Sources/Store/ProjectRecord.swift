package import GRDB

/// A row of `projects`.
package struct ProjectRecord: Record, Hashable {
  /// Whether the project is there for its users, or a crash left it half made or half removed.
  package enum State: String, Codable, Sendable { case creating, ready, deleting }

  /// The table.
  package static let databaseTableName = "projects"

  /// The id, a UUIDv7.
  package var id: String
  /// The name as the user wrote it.
  package var name: String
  /// The unique name of its folder.
  package var slug: String
  /// The path of its work tree.
  package var repositoryPath: String
  /// The text of the entry file at the head of the branch.
  package var currentCode: String?
  /// The head of the branch.
  package var currentCommit: String?
  /// The branch that is checked out.
  package var currentBranch: String
  /// Whether it is there for its users.
  package var state: State
  /// Whose it is, with all that hangs on it; nil for the local user's.
  package var owner: String?
  /// When the row was made, RFC 3339.
  package var createdAt: String
  /// When the row was last written, RFC 3339.
  package var updatedAt: String
  /// Where it was cloned from, or where it is pushed to.
  package var remoteUrl: String?
  /// `OWNER/NAME` of its repository on GitHub.
  package var githubRepository: String?
  /// The last commit that was pushed there.
  package var pushedCommit: String?

  /// A row with these values.
  package init(
    id: String,
    name: String,
    slug: String,
    repositoryPath: String,
    currentCode: String? = nil,
    currentCommit: String? = nil,
    currentBranch: String,
    state: State,
    owner: String? = nil,
    createdAt: String
  ) {
    self.id = id
    self.name = name
    self.slug = slug
    self.repositoryPath = repositoryPath
    self.currentCode = currentCode
    self.currentCommit = currentCommit
    self.currentBranch = currentBranch
    self.state = state
    self.owner = owner
    self.createdAt = createdAt
    updatedAt = createdAt
  }
}

extension Database {
  /// The projects in a state, newest first; only those of an owner when it is given.
  package func projects(
    in state: ProjectRecord.State, page: Page? = nil, owner: String? = nil
  ) throws -> [ProjectRecord] {
    let order = try order(of: "projects", as: "p", newestFirst: true, page: page)
    return try SQLRequest<ProjectRecord>(
      """
      SELECT p.* FROM projects p
      WHERE p.state = \(state.rawValue) AND (\(owner) IS NULL OR p.owner = \(owner)) \(order)
      """
    ).fetchAll(self)
  }

  /// The project of that id when it is ready.
  package func project(id: String) throws -> ProjectRecord? {
    try ProjectRecord.first(self, "SELECT * FROM projects WHERE id = ? AND state = 'ready'", [id])
  }

  /// The slugs in use that begin with a text, of projects in any state.
  package func slugs(startingWith prefix: String) throws -> Set<String> {
    try Set(
      String.fetchAll(
        self, sql: "SELECT slug FROM projects WHERE substr(slug, 1, ?) = ?",
        arguments: [prefix.unicodeScalars.count, prefix]))
  }

  /// Inserts a row.
  package func insert(_ record: some Record) throws { try record.insert(self) }

  /// Writes all columns of a row that exists.
  package func update(_ record: some Record) throws { try record.update(self) }

  /// Removes a project and, by cascade, all that belongs to it.
  package func deleteProject(id: String) throws {
    try execute(sql: "DELETE FROM projects WHERE id = ?", arguments: [id])
  }
}
