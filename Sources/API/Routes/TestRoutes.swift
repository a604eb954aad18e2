import HTTPTypes
import JSON
import Server
import Services

/// Test cases.
enum TestRoutes {
  static func all(_ parts: WebAPI.Parts) -> [Route] {
    let tests = parts.tests
    let list = Route.Answer.json(.ok, .array(.reference("TestCase")), "The test cases, oldest first.")
    return [
      Route(
        method: .get, path: "/tests", id: "listTests", area: "tests", summary: "List all test cases", answers: [list]
      ) { _ in .json(.array(try await tests.testCases(project: nil).map(TestCaseView.json))) },
      Route(
        method: .get, path: "/projects/{id}/tests", id: "listProjectTests", area: "tests",
        summary: "List a project's test cases", answers: [list]
      ) { call in .json(.array(try await tests.testCases(project: call.parameter("id")).map(TestCaseView.json))) },
    ]
  }
}
