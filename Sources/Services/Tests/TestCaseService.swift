import EventLog
import GRDB
package import JSON
import Platform
package import Store

/// The test cases of projects.
package struct TestCaseService: Sendable {
  /// What a client says of a test case; nil leaves a value as it is.
  package struct Change: Sendable {
    /// What people call it.
    package var name: String?
    /// Python.
    package var code: String?
    /// A program instead.
    package var command: String?
    /// Whether it has the short time limit.
    package var isQuick: Bool?

    /// A change of these.
    package init(name: String? = nil, code: String? = nil, command: String? = nil, isQuick: Bool? = nil) {
      self.name = name
      self.code = code
      self.command = command
      self.isQuick = isQuick
    }
  }

  private let projects: ProjectService
  private var journal: Journal { projects.journal }

  /// Test cases of these projects.
  package init(projects: ProjectService) { self.projects = projects }

  /// The test cases of a project, of an owner's projects, or all, oldest first.
  package func testCases(
    project id: String?, page: Page? = nil, owner: String? = nil
  ) async throws -> [TestCaseRecord] {
    if let id { _ = try await projects.project(id) }
    return try await journal.store.read { db in try db.testCases(ofProject: id, page: page, owner: owner) }
  }

  /// A test case.
  ///
  /// - Throws: `ServiceError.notFound`.
  package func testCase(_ id: String) async throws -> TestCaseRecord {
    guard let test = try await journal.store.read({ db in try db.testCase(id: id) }) else {
      throw ServiceError(.notFound, "Test not found")
    }
    return test
  }

  /// The runs of a test case, newest first.
  package func results(of id: String, page: Page? = nil) async throws -> [TestResultRecord] {
    _ = try await testCase(id)
    return try await journal.store.read { db in try db.testResults(of: id, page: page) }
  }

  /// Makes a test case.
  ///
  /// - Throws: `ServiceError.invalid` unless it has either code or a command.
  package func create(in project: String, _ change: Change) async throws -> TestCaseRecord {
    _ = try await projects.project(project)
    let (code, command) = try Self.content(change.code, change.command)
    let test = TestCaseRecord(
      id: UUIDv7.make(), projectId: project, name: change.name ?? "", code: code, command: command,
      quickTest: change.isQuick ?? false, createdAt: Timestamp.now.text)
    try await journal.append { db, _ in try db.insert(test) }
    return test
  }

  /// Changes a test case.
  package func update(_ id: String, _ change: Change) async throws -> TestCaseRecord {
    var test = try await testCase(id)
    test.name = change.name ?? test.name
    test.quickTest = change.isQuick ?? test.quickTest
    if change.code != nil || change.command != nil {
      (test.code, test.command) = try Self.content(change.code, change.command)
    }
    test.updatedAt = Timestamp.now.text
    try await journal.append { [test] db, _ in try test.update(db) }
    return test
  }

  /// Removes a test case with its results.
  package func delete(_ id: String) async throws {
    _ = try await testCase(id)
    try await journal.append { db, _ in try db.deleteTestCase(id: id) }
  }

  private static func content(_ code: String?, _ command: String?) throws -> (code: String, command: String?) {
    switch (code, command) {
    case (let code?, nil): return (code, nil)
    case (nil, let command?): return ("", command)
    case (nil, nil):
      throw ServiceError(.invalid, "a test has code or a command, found neither", location: ["body", "code"])
    case (_?, _?):
      throw ServiceError(.invalid, "a test has code or a command, found both", location: ["body", "command"])
    }
  }
}

/// How a test case looks to a client.
package enum TestCaseView {
  /// The fields of the wire format.
  package static func json(_ test: TestCaseRecord) -> JSONValue {
    [
      "id": .string(test.id), "project_id": .string(test.projectId), "name": .string(test.name),
      "code": .string(test.code), "command": JSONValue(test.command), "quick_test": .bool(test.quickTest),
      "created_at": .string(test.createdAt), "updated_at": .string(test.updatedAt),
    ]
  }
}
