import EventLog
package import JSON
package import Store

/// The test cases of projects.
package struct TestCaseService: Sendable {
  private let projects: ProjectService

  /// Test cases of these projects.
  package init(projects: ProjectService) { self.projects = projects }

  /// The test cases of a project, or all, oldest first.
  package func testCases(project id: String?, page: Page? = nil) async throws -> [TestCaseRecord] {
    if let id { _ = try await projects.project(id) }
    return try await projects.journal.store.read { db in try db.testCases(ofProject: id, page: page) }
  }
}

/// How a test case looks to a client.
package enum TestCaseView {
  /// The fields of the wire format.
  package static func json(_ test: TestCaseRecord) -> JSONValue {
    [
      "id": .string(test.id), "project_id": .string(test.projectId), "name": .string(test.name),
      "code": .string(test.code), "quick_test": .bool(test.quickTest), "created_at": .string(test.createdAt),
      "updated_at": .string(test.updatedAt),
    ]
  }
}
