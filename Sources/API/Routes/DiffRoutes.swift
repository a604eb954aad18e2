import HTTPTypes
import JSON
import Server
import Services
import Store

/// Diffs and their review.
enum DiffRoutes {
  static func all(_ parts: WebAPI.Parts) -> [Route] { reading(parts.diffs) + reviewing(parts.diffs) }

  private static let list = Route.Answer.json(.ok, .array(.reference("Diff")), "The diffs, newest first.")
  private static let one = Route.Answer.json(.ok, .reference("Diff"), "The diff.")
  private static let status = Route.Parameter(
    name: "status", schema: .string(values: DiffRecord.Status.allCases.map(\.rawValue)),
    about: "Only diffs of this status.")

  private static func reading(_ diffs: DiffService) -> [Route] {
    [
      Route(
        method: .get, path: "/projects/{id}/diffs", id: "listProjectDiffs", area: "diffs",
        summary: "List a project's diffs", parameters: [status] + Route.paging, answers: [list]
      ) { call in
        let found = try await diffs.diffs(
          project: call.parameter("id"), status: call.query["status"]?.string, page: call.page)
        return call.list(found, id: \.id, DiffView.json)
      },
      Route(
        method: .get, path: "/sessions/{id}/diffs", id: "listSessionDiffs", area: "diffs",
        summary: "List a session's diffs", parameters: [status] + Route.paging, answers: [list]
      ) { call in
        let found = try await diffs.diffs(
          session: call.parameter("id"), status: call.query["status"]?.string, page: call.page)
        return call.list(found, id: \.id, DiffView.json)
      },
      Route(
        method: .get, path: "/sessions/{id}/diffs/pending", id: "listPendingDiffs", area: "diffs",
        summary: "List a session's diffs that wait for review", parameters: Route.paging, answers: [list]
      ) { call in
        let found = try await diffs.diffs(
          session: call.parameter("id"), status: DiffRecord.Status.evaluatorApproved.rawValue, page: call.page)
        return call.list(found, id: \.id, DiffView.json)
      },
      Route(
        method: .get, path: "/diffs/{id}", id: "getDiff", area: "diffs", summary: "Show a diff", answers: [one]
      ) { call in .json(DiffView.json(try await diffs.diff(call.parameter("id")))) },
      Route(
        method: .get, path: "/diffs/{id}/preview", id: "previewDiff", area: "diffs",
        summary: "Show the code before and after", answers: [.json(.ok, .reference("Preview"), "Both.")]
      ) { call in .json(try await diffs.preview(call.parameter("id"))) },
    ]
  }

  private static func reviewing(_ diffs: DiffService) -> [Route] {
    let feedback = Schema.Field.optional("feedback", .string(maximum: 10_000), "What to change.")
    return [
      Route(
        method: .post, path: "/diffs/{id}/review", id: "reviewDiff", area: "diffs", summary: "Approve or reject a diff",
        body: .object([.required("approved", .boolean, "The verdict."), feedback]), answers: [one],
        problems: [.badRequest]
      ) { call in
        let diff = try await diffs.review(
          call.parameter("id"), isApproved: call.body["approved"]?.bool ?? false,
          feedback: call.body["feedback"]?.string)
        return .json(DiffView.json(diff))
      },
      Route(
        method: .post, path: "/diffs/{id}/commit", id: "commitDiff", area: "diffs", summary: "Commit an approved diff",
        body: .object([.optional("commit_message", .string(maximum: 10_000), "Instead of the evaluator's message.")]),
        isBodyOptional: true, answers: [.json(.ok, .reference("Committed"), "The commit.")],
        problems: [.badRequest, .conflict]
      ) { call in
        committed(try await diffs.commit(call.parameter("id"), message: call.body["commit_message"]?.string))
      },
      Route(
        method: .post, path: "/diffs/{id}/accept", id: "acceptDiff", area: "diffs",
        summary: "Approve and commit a diff in one step", body: .object([]), isBodyOptional: true,
        answers: [.json(.ok, .reference("Committed"), "The commit.")], problems: [.badRequest, .conflict]
      ) { call in committed(try await diffs.accept(call.parameter("id"))) },
      Route(
        method: .post, path: "/diffs/{id}/reject", id: "rejectDiff", area: "diffs", summary: "Reject a diff",
        body: .object([feedback]), isBodyOptional: true, answers: [one], problems: [.badRequest]
      ) { call in
        let diff = try await diffs.review(
          call.parameter("id"), isApproved: false, feedback: call.body["feedback"]?.string)
        return .json(DiffView.json(diff))
      },
    ]
  }

  private static func committed(_ diff: DiffRecord) -> Response {
    let sha = diff.committedSha ?? ""
    return .json([
      "diff_id": .string(diff.id), "committed_sha": .string(sha),
      "message": .string("Successfully committed as \(sha.prefix(8))"),
    ])
  }
}
