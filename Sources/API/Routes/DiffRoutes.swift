import HTTP
import HTTPTypes
import JSON
import Server
import Services
import Store

/// Diffs and their review.
enum DiffRoutes {
  static func all(_ parts: WebAPI.Parts) -> [Route] {
    let reviews = ReviewService(diffs: parts.diffs, messages: parts.messages)
    return reading(parts.diffs) + reviewing(reviews) + committing(parts.diffs, reviews) + making(parts.diffs)
  }

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

  private static let feedback = Schema.Field.optional(
    "feedback", .string(maximum: 10_000), "What to change; starts the next round when the diff is rejected.")

  private static func reviewing(_ reviews: ReviewService) -> [Route] {
    let reviewed = Route.Answer.json(.ok, .reference("ReviewedDiff"), "The diff, and what follows.")
    return [
      Route(
        method: .post, path: "/diffs/{id}/review", id: "reviewDiff", area: "diffs", summary: "Approve or reject a diff",
        about: """
          A rejection with feedback starts the next round: a message in the diff's session, whose work sees the \
          rejected patch. Its id stands in message_id, and Location says where to wait for the result. With files or \
          hunks an approval takes only these: the diff becomes that part, and the rest a pending diff of its own, \
          rest_diff_id. Hunks have the numbers of GET /diffs/{id}/preview.
          """,
        body: .object([
          .required("approved", .boolean, "The verdict."), feedback,
          .optional("files", .array(.string(minimum: 1, maximum: 1024)), "Files to take, by their path."),
          .optional("hunks", .array(.integer(minimum: 1)), "Hunks to take, by their number in the preview."),
        ]), answers: [reviewed], problems: [.badRequest]
      ) { call in
        let (files, hunks) = (call.body["files"]?.array, call.body["hunks"]?.array)
        guard call.body["approved"]?.bool ?? false else {
          guard files == nil, hunks == nil else {
            throw ServiceError(
              .invalid, "files and hunks are for an approval: what is not taken stays pending",
              location: ["body", files == nil ? "hunks" : "files"])
          }
          return try await reject(call, reviews)
        }
        return answer(
          try await reviews.approve(
            call.parameter("id"), files: files?.compactMap(\.string), hunks: hunks?.compactMap(\.integer)))
      },
      Route(
        method: .post, path: "/diffs/{id}/reject", id: "rejectDiff", area: "diffs", summary: "Reject a diff",
        about: "The same as a review that does not approve.",
        body: .object([feedback]), isBodyOptional: true, answers: [reviewed], problems: [.badRequest]
      ) { call in try await reject(call, reviews) },
    ]
  }

  private static func reject(_ call: Call, _ reviews: ReviewService) async throws -> Response {
    answer(
      try await reviews.reject(
        call.parameter("id"), feedback: call.body["feedback"]?.string, keyID: call.caller.keyID))
  }

  private static func answer(_ outcome: ReviewService.Outcome) -> Response {
    var object = DiffView.json(outcome.diff).object ?? JSONObject()
    object["message_id"] = JSONValue(outcome.messageID)
    object["rest_diff_id"] = JSONValue(outcome.rest?.id)
    var response = Response.json(.object(object))
    if let message = outcome.messageID { response.fields["location"] = "/messages/\(message)/result" }
    return response
  }

  private static func committing(_ diffs: DiffService, _ reviews: ReviewService) -> [Route] {
    let done = Route.Answer.json(.ok, .reference("Committed"), "The commit.")
    return [
      Route(
        method: .post, path: "/diffs/{id}/commit", id: "commitDiff", area: "diffs", summary: "Commit an approved diff",
        body: .object([.optional("commit_message", .string(maximum: 10_000), "Instead of the evaluator's message.")]),
        isBodyOptional: true, answers: [done], problems: [.badRequest, .conflict]
      ) { call in
        committed(try await diffs.commit(call.parameter("id"), message: call.body["commit_message"]?.string))
      },
      Route(
        method: .post, path: "/diffs/{id}/accept", id: "acceptDiff", area: "diffs",
        summary: "Approve and commit a diff in one step", body: .object([]), isBodyOptional: true, answers: [done],
        problems: [.badRequest, .conflict]
      ) { call in committed(try await diffs.accept(call.parameter("id"))) },
      Route(
        method: .post, path: "/diffs/{id}/refine-message", id: "refineMessage", area: "diffs",
        summary: "Ask the evaluator for a better commit message",
        about: "Nothing is changed: the refined message is taken over by sending it with the commit.",
        body: .object([
          .optional("prompt", .string(maximum: 10_000), "What to wish of the message."),
          .optional("current_message", .string(maximum: 10_000), "The message to improve, instead of the diff's."),
        ]), isBodyOptional: true, answers: [.json(.ok, .reference("RefinedMessage"), "The proposal.")],
        problems: [.serviceUnavailable], scope: .execute
      ) { call in
        let id = call.parameter("id")
        let refined = try await reviews.refine(
          id, message: call.body["current_message"]?.string, wish: call.body["prompt"]?.string,
          keyID: call.caller.keyID)
        return .json([
          "diff_id": .string(id), "original_message": .string(refined.original),
          "refined_message": .string(refined.refined), "suggestion": .string(refined.suggestion),
        ])
      },
    ]
  }

  private static let made = Route.Answer.json(.created, .reference("Diff"), "The new diff, which waits for review.")
  private static let session = Schema.Field.optional(
    "session_id", .string(maximum: 128), "The session it belongs to; else the project's own, if there is one.")

  private static func making(_ diffs: DiffService) -> [Route] {
    [
      Route(
        method: .post, path: "/projects/{id}/diffs", id: "proposeDiff", area: "diffs",
        summary: "Propose a change by a patch",
        about: "The patch is applied to the head and compiled, as those of the agents are; no evaluator is asked.",
        body: .object([
          .required("patch", .string(minimum: 1), "A unified diff."),
          .optional("commit_message", .string(maximum: 10_000), "The message of the commit to be."), session,
        ]), answers: [made], problems: [.badRequest]
      ) { call in
        created(
          try await diffs.propose(
            project: call.parameter("id"), patch: call.body["patch"]?.string ?? "",
            message: call.body["commit_message"]?.string, session: call.body["session_id"]?.string))
      },
      Route(
        method: .post, path: "/projects/{id}/revert", id: "revertCommit", area: "diffs",
        summary: "Make a diff that undoes a commit",
        about: """
          It is reviewed and committed like any other; later commits are left alone. 409 names each place that later \
          commits changed, too.
          """,
        body: .object([
          .required("sha", .string(minimum: 4, maximum: 40), "The commit."),
          .optional("mainline", .integer(minimum: 1), "For a merge: the number of the parent to go back to."), session,
        ]), answers: [made], problems: [.badRequest, .conflict]
      ) { call in
        created(
          try await diffs.revert(
            project: call.parameter("id"), commit: call.body["sha"]?.string ?? "",
            mainline: call.body["mainline"]?.integer, session: call.body["session_id"]?.string))
      },
    ] + [rebasing(diffs)]
  }

  private static func rebasing(_ diffs: DiffService) -> Route {
    Route(
      method: .post, path: "/diffs/{id}/rebase", id: "rebaseDiff", area: "diffs",
      summary: "Bring a diff onto the head of its branch",
      about: """
        A three-way merge in memory. What comes of it is a new pending diff; the old one is rejected and names it \
        in superseded_by. 409 names each place that does not fit.
        """,
      body: .object([]), isBodyOptional: true,
      answers: [made, .json(.ok, .reference("Diff"), "The diff itself: it stands on the head already.")],
      problems: [.badRequest, .conflict]
    ) { call in
      let rebased = try await diffs.rebase(call.parameter("id"))
      return rebased.isNew ? created(rebased.diff) : .json(DiffView.json(rebased.diff))
    }
  }

  private static func created(_ diff: DiffRecord) -> Response {
    var response = Response.json(DiffView.json(diff), .created)
    response.fields["location"] = "/diffs/\(diff.id)"
    return response
  }

  private static func committed(_ diff: DiffRecord) -> Response {
    let sha = diff.committedSha ?? ""
    return .json([
      "diff_id": .string(diff.id), "committed_sha": .string(sha),
      "message": .string("Successfully committed as \(sha.prefix(8))"),
    ])
  }
}
