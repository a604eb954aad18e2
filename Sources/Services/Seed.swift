import EventLog
import Platform
package import Store

/// Fills a database with the sample project that evidence and demonstrations use.
package struct Seed: Sendable {
  /// The sample project's name.
  package static let projectName = "Agent Triage System"

  private let projects: ProjectService

  /// A seed of these projects.
  package init(projects: ProjectService) { self.projects = projects }

  /// Makes the sample project with its two test cases, unless there is one of its slug; returns it and what it has.
  package func run() async throws -> (project: ProjectRecord, tests: [TestCaseRecord], isNew: Bool) {
    let store = projects.journal.store
    if let existing = try await projects.all().first(where: { $0.slug == Slug.make(from: Self.projectName) }) {
      let tests = try await store.read { db in try db.testCases(ofProject: existing.id) }
      return (existing, tests, false)
    }
    let project = try await projects.create(
      name: Self.projectName, files: StarterFiles.sample, message: "Initial agent code")
    let time = Timestamp.now.text
    let tests = [
      TestCaseRecord(
        id: UUIDv7.make(), projectId: project.id, name: "Test triage routing",
        code: "assert route('I want a refund') == 'billing'\nassert route('The install fails') == 'technical'\n",
        quickTest: false, createdAt: time),
      TestCaseRecord(
        id: UUIDv7.make(), projectId: project.id, name: "Test quick response",
        code: "assert route('hello') == 'triage'\n", quickTest: true, createdAt: time),
    ]
    try await projects.journal.append { db, _ in for test in tests { try db.insert(test) } }
    return (project, tests, true)
  }
}
