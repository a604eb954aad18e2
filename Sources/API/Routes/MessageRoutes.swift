import HTTP
import HTTPTypes
import JSON
import Server
import Services

/// Messages to the agents.
enum MessageRoutes {
  static func all(_ parts: WebAPI.Parts) -> [Route] {
    [sending(parts.messages)] + following(parts.messages, parts.sessions)
  }

  private static func sending(_ messages: MessageService) -> Route {
    Route(
      method: .post, path: "/sessions/{id}/messages", id: "sendMessage", area: "messages",
      summary: "Ask the agents for a change or an answer",
      about: """
        Answers when the work has ended. With `Prefer: respond-async` it answers 202 at once; the work then shows in \
        the events of the session. A message_id that was sent before is not worked on again: the answer is that of \
        the first. The work goes on when the client goes away.
        """,
      body: .object([
        .required("prompt", .string(maximum: 100_000), "What is wanted, in plain words."),
        .optional("message_id", .string(minimum: 1, maximum: 128), "The client's own id, to send it only once."),
      ]),
      answers: [
        .json(.ok, .reference("MessageResult"), "What came of it."),
        .json(
          .accepted, .object([.required("status", .string()), .required("message_id", .string())]), "It is stored."),
      ], problems: [.conflict, .serviceUnavailable], scope: .execute
    ) { call in
      let messageID = call.body["message_id"]?.string
      guard messageID == nil || messageID?.wholeMatch(of: /[A-Za-z0-9._:~-]+/) != nil else {
        throw ServiceError(
          .invalid, "a message_id may have letters, digits and . _ : ~ -", location: ["body", "message_id"])
      }
      let submitted = try await messages.submit(
        session: call.parameter("id"), prompt: call.body["prompt"]?.string ?? "",
        messageID: messageID, keyID: call.caller.keyID)
      guard call.request.head.fields.tokens(of: "prefer").contains("respond-async") else {
        return .json(try await messages.result(of: submitted.messageID).json)
      }
      var response = Response.json(
        [
          "status": "processing", "message_id": .string(submitted.messageID),
          "session_id": .string(call.parameter("id")),
        ],
        .accepted)
      response.fields["location"] = "/messages/\(submitted.messageID)/result"
      response.fields["preference-applied"] = "respond-async"
      return response
    }
  }

  private static func following(_ messages: MessageService, _ sessions: SessionService) -> [Route] {
    [
      Route(
        method: .post, path: "/sessions/{id}/cancel", id: "cancelSession", area: "messages",
        summary: "Stop the open work of a session",
        answers: [.json(.ok, .object([.required("cancelled", .integer())]), "How many messages were being worked on.")],
        scope: .execute
      ) { call in .json(["cancelled": .integer(try await messages.cancel(session: call.parameter("id")))]) },
      Route(
        method: .get, path: "/messages/{id}/full", id: "getFullMessage", area: "messages",
        summary: "Show a message with the model's response in full",
        answers: [.json(.ok, .reference("FullMessage"), "The message.")]
      ) { call in .json(MessageView.full(try await sessions.message(call.parameter("id")))) },
      Route(
        method: .get, path: "/messages/{id}/result", id: "getMessageResult", area: "messages",
        summary: "Wait for what comes of a message",
        answers: [.json(.ok, .reference("MessageResult"), "What came of it.")], problems: [.serviceUnavailable]
      ) { call in .json(try await messages.result(of: call.parameter("id")).json) },
    ]
  }
}
