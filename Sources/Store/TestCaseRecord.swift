package import GRDB

/// A row of `test_cases`.
package struct TestCaseRecord: Record, Hashable {
  /// The table.
  package static let databaseTableName = "test_cases"

  /// The id, a UUIDv7.
  package var id: String
  /// The project.
  package var projectId: String
  /// The name.
  package var name: String
  /// Python, run after the entry file; empty when there is a command.
  package var code: String
  /// A program with its arguments, run by the shell instead of code.
  package var command: String?
  /// Whether it has the short time limit.
  package var quickTest: Bool
  /// When the row was made, RFC 3339.
  package var createdAt: String
  /// When the row was last written, RFC 3339.
  package var updatedAt: String

  /// A row with these values.
  package init(
    id: String,
    projectId: String,
    name: String,
    code: String,
    command: String? = nil,
    quickTest: Bool,
    createdAt: String
  ) {
    self.id = id
    self.projectId = projectId
    self.name = name
    self.code = code
    self.command = command
    self.quickTest = quickTest
    self.createdAt = createdAt
    updatedAt = createdAt
  }
}

extension Database {
  /// The test cases, oldest first; only those of one project, or of an owner's, when it is given.
  package func testCases(
    ofProject project: String? = nil, page: Page? = nil, owner: String? = nil
  ) throws -> [TestCaseRecord] {
    let order = try order(of: "test_cases", as: "t", newestFirst: false, page: page)
    return try SQLRequest<TestCaseRecord>(
      """
      SELECT t.* FROM test_cases t JOIN projects p ON p.id = t.project_id
      WHERE (\(project) IS NULL OR t.project_id = \(project)) AND (\(owner) IS NULL OR p.owner = \(owner)) \(order)
      """
    ).fetchAll(self)
  }

  /// The test case of that id, when its project is ready.
  package func testCase(id: String) throws -> TestCaseRecord? {
    try TestCaseRecord.first(
      self, "SELECT t.* FROM test_cases t JOIN projects p ON p.id = t.project_id WHERE t.id = ? AND p.state = 'ready'",
      [id])
  }

  /// Removes a test case with its results.
  package func deleteTestCase(id: String) throws {
    try execute(sql: "DELETE FROM test_cases WHERE id = ?", arguments: [id])
  }
}
