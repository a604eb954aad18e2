import HTTPTypes
import JSON
import Server
import Services
import Store

/// Tests and their runs in the sandbox.
enum TestRoutes {
  static func all(_ parts: WebAPI.Parts) -> [Route] {
    listing(parts.tests) + making(parts.tests) + single(parts.tests) + running(parts.testRunner)
  }

  private static let one = Route.Answer.json(.ok, .reference("TestCase"), "The test.")
  private static let quickOnly = Schema.Field.optional("quick_only", .boolean, "Only the quick tests.")
  private static let summary = Route.Answer.json(.ok, .reference("TestSummary"), "How many did what, and each result.")

  /// The members of a test as a client gives them, with the names that earlier clients use.
  private static func fields(isNameRequired: Bool) -> [Schema.Field] {
    let name = Schema.string(minimum: 1, maximum: 200)
    return [
      isNameRequired
        ? .required("name", name, "What people call it.") : .optional("name", name, "What people call it."),
      .optional(
        "code", .string(maximum: 1 << 20), "Python, run after the entry file in its namespace.",
        aliases: ["test_code", "input_prompt"]),
      .optional("command", .string(minimum: 1, maximum: 10_000), "A shell command instead, run in the checkout."),
      .optional("quick_test", .boolean, "Whether it has the short time limit."),
    ]
  }

  private static func change(_ body: JSONValue) -> TestCaseService.Change {
    .init(
      name: body["name"]?.string, code: body["code"]?.string, command: body["command"]?.string,
      isQuick: body["quick_test"]?.bool)
  }

  private static func listing(_ tests: TestCaseService) -> [Route] {
    let list = Route.Answer.json(.ok, .array(.reference("TestCase")), "The tests, oldest first.")
    return [
      Route(
        method: .get, path: "/tests", id: "listTests", area: "tests", summary: "List all tests",
        parameters: Route.paging, answers: [list]
      ) { call in
        let found = try await tests.testCases(project: nil, page: call.page, owner: call.caller.confinement)
        return call.list(found, id: \.id, TestCaseView.json)
      },
      Route(
        method: .get, path: "/projects/{id}/tests", id: "listProjectTests", area: "tests",
        summary: "List a project's tests", parameters: Route.paging, answers: [list]
      ) { call in
        let found = try await tests.testCases(project: call.parameter("id"), page: call.page)
        return call.list(found, id: \.id, TestCaseView.json)
      },
      Route(
        method: .get, path: "/projects/{id}/tests/quick", id: "listQuickTests", area: "tests",
        summary: "List a project's quick tests", answers: [list]
      ) { call in
        let found = try await tests.testCases(project: call.parameter("id")).filter(\.quickTest)
        return .json(.array(found.map(TestCaseView.json)))
      },
      Route(
        method: .get, path: "/tests/{id}/results", id: "listTestResults", area: "tests",
        summary: "List the runs of a test, newest first", parameters: Route.paging,
        answers: [.json(.ok, .array(.reference("TestResult")), "The runs.")]
      ) { call in
        let test = try await tests.testCase(call.parameter("id"))
        let found = try await tests.results(of: test.id, page: call.page)
        return call.list(found, id: \.id) { TestResultView.json($0, test) }
      },
    ]
  }

  private static func making(_ tests: TestCaseService) -> [Route] {
    let answers = [Route.Answer.json(.created, .reference("TestCase"), "The test.")]
    return [
      Route(
        method: .post, path: "/projects/{id}/tests", id: "createTest", area: "tests", summary: "Make a test",
        body: .object(fields(isNameRequired: true)), answers: answers
      ) { call in
        .json(TestCaseView.json(try await tests.create(in: call.parameter("id"), change(call.body))), .created)
      },
      Route(
        method: .post, path: "/tests", id: "createTestOfProject", area: "tests",
        summary: "Make a test of the project that the body names",
        body: .object([.required("project_id", .string(), "The project.")] + fields(isNameRequired: true)),
        answers: answers, problems: [.notFound]
      ) { call in
        let project = call.body["project_id"]?.string ?? ""
        return .json(TestCaseView.json(try await tests.create(in: project, change(call.body))), .created)
      },
    ]
  }

  private static func single(_ tests: TestCaseService) -> [Route] {
    [
      Route(
        method: .get, path: "/tests/{id}", id: "getTest", area: "tests", summary: "Show a test", answers: [one]
      ) { call in .json(TestCaseView.json(try await tests.testCase(call.parameter("id")))) },
      Route(
        method: .put, path: "/tests/{id}", id: "updateTest", area: "tests", summary: "Change a test",
        about: "What is left out stays as it is.", body: .object(fields(isNameRequired: false)), answers: [one]
      ) { call in .json(TestCaseView.json(try await tests.update(call.parameter("id"), change(call.body)))) },
      Route(
        method: .delete, path: "/tests/{id}", id: "deleteTest", area: "tests",
        summary: "Remove a test with its results", answers: [.empty(.noContent, "It is gone.")]
      ) { call in
        try await tests.delete(call.parameter("id"))
        return Response(.noContent)
      },
    ]
  }

  private static func running(_ runner: TestRunner) -> [Route] {
    let diff = Schema.Field.optional(
      "diff_id", .string(minimum: 1, maximum: 64), "A diff whose proposal is tested instead of the branch's head.")
    return [
      Route(
        method: .post, path: "/tests/{id}/run", id: "runTest", area: "tests", summary: "Run a test in the sandbox",
        about: "Answers when the test has ended; what it prints comes as test_output events meanwhile.",
        body: .object([diff]), isBodyOptional: true,
        answers: [.json(.ok, .reference("TestResult"), "What came of it.")], problems: [.serviceUnavailable],
        scope: .execute
      ) { call in
        .json(try await runner.run(call.parameter("id"), diff: call.body["diff_id"]?.string).json)
      },
      Route(
        method: .post, path: "/projects/{id}/tests/run", id: "runProjectTests", area: "tests",
        summary: "Run a project's tests, several at once", body: .object([quickOnly, diff]), isBodyOptional: true,
        answers: [summary], problems: [.serviceUnavailable], scope: .execute
      ) { call in
        let runs = try await runner.runAll(
          project: call.parameter("id"), diff: call.body["diff_id"]?.string,
          quickOnly: call.body["quick_only"]?.bool ?? false)
        return .json(TestResultView.summary(runs))
      },
      Route(
        method: .post, path: "/diffs/{id}/test", id: "testDiff", area: "tests",
        summary: "Run the project's tests against what a diff proposes",
        about: "The results stay on the diff, with the tree that they are about.", body: .object([quickOnly]),
        isBodyOptional: true, answers: [summary], problems: [.serviceUnavailable], scope: .execute
      ) { call in
        let runs = try await runner.runAll(
          diff: call.parameter("id"), quickOnly: call.body["quick_only"]?.bool ?? false)
        return .json(TestResultView.summary(runs))
      },
    ]
  }
}
