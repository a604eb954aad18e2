import HTTPTypes
import JSON
import Server
import Services
import Store

/// Test cases.
enum TestRoutes {
  static func all(_ parts: WebAPI.Parts) -> [Route] {
    let tests = parts.tests
    let list = Route.Answer.json(.ok, .array(.reference("TestCase")), "The test cases, oldest first.")
    return [
      Route(
        method: .get, path: "/tests", id: "listTests", area: "tests", summary: "List all test cases",
        parameters: Route.paging, answers: [list]
      ) { call in
        call.list(try await tests.testCases(project: nil, page: call.page), id: \.id, TestCaseView.json)
      },
      Route(
        method: .get, path: "/projects/{id}/tests", id: "listProjectTests", area: "tests",
        summary: "List a project's test cases", parameters: Route.paging, answers: [list]
      ) { call in
        let found = try await tests.testCases(project: call.parameter("id"), page: call.page)
        return call.list(found, id: \.id, TestCaseView.json)
      },
    ]
  }
}
