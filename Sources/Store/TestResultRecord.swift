package import GRDB

/// A row of `test_results`: one run of a test.
package struct TestResultRecord: Record, Hashable {
  /// What came of it.
  package enum Status: String, Codable, Sendable, CaseIterable {
    case passed, failed, error, timeout
  }

  /// The table.
  package static let databaseTableName = "test_results"

  /// The id, a UUIDv7.
  package let id: String
  /// The test.
  package let testCaseId: String
  /// The diff whose proposal was tested; nil for the branch's head.
  package var diffId: String?
  /// The git tree that was tested.
  package var tree: String?
  /// What came of it.
  package var status: Status
  /// What it wrote to its standard output, a JSON string.
  package var output: String?
  /// What it wrote to its standard error, and why it was ended, a JSON string.
  package var error: String?
  /// Its exit status, when it ended by itself.
  package var exitCode: Int?
  /// The signal that ended it.
  package var signal: Int?
  /// Which limit it ran into: wall, cpu, memory, output, processes, files, signal.
  package var limitHit: String?
  /// From start to end, milliseconds.
  package var executionTimeMs: Int?
  /// Processor time of all its processes, milliseconds.
  package var cpuTimeMs: Int?
  /// The most memory that all its processes held, bytes.
  package var maxRssBytes: Int?
  /// Whether some of its output was dropped.
  package var outputTruncated: Bool
  /// What the sandbox had to do without, a JSON array of names.
  package var missingFeatures: String
  /// Names the run in events and logs.
  package var traceId: String?
  /// When it began, RFC 3339.
  package let createdAt: String
  /// When it ended, RFC 3339.
  package var updatedAt: String

  /// A run of a test that ends with `status`.
  package init(id: String, testCaseId: String, status: Status, createdAt: String) {
    self.id = id
    self.testCaseId = testCaseId
    self.status = status
    self.createdAt = createdAt
    updatedAt = createdAt
    outputTruncated = false
    missingFeatures = "[]"
  }
}

extension Database {
  /// The runs of a test, newest first.
  package func testResults(of test: String, page: Page? = nil) throws -> [TestResultRecord] {
    let order = try order(of: "test_results", as: "r", newestFirst: true, page: page)
    return try SQLRequest<TestResultRecord>("SELECT r.* FROM test_results r WHERE r.test_case_id = \(test) \(order)")
      .fetchAll(self)
  }
}
