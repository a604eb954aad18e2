import HTTPTypes
import JSON
import Server
import Services
import Store

/// Sessions and their histories.
enum SessionRoutes {
  static func all(_ parts: WebAPI.Parts) -> [Route] { starting(parts) + reading(parts) + [removal(parts)] }

  private static func starting(_ parts: WebAPI.Parts) -> [Route] {
    let sessions = parts.sessions
    let type = Schema.Field.optional(
      "session_type", .string(values: ["global", "node", "vibecode"]), "What it is about.", aliases: ["type"])
    return [
      Route(
        method: .post, path: "/projects/{id}/sessions", id: "startSession", area: "sessions",
        summary: "Start a session, or get the one that is there",
        about: "A project has one session about the whole of it and one about each node.",
        body: .object(
          [type, .optional("node_id", .string(maximum: 200), "The node, for a node session.")] + GatewayRoutes.limits),
        isBodyOptional: true,
        answers: [
          .json(.created, .reference("Session"), "A new session."),
          .json(.ok, .reference("Session"), "The session that was there."),
        ]
      ) { call in
        let started = try await sessions.start(
          project: call.parameter("id"), type: call.body["session_type"]?.string, nodeID: call.body["node_id"]?.string,
          limits: GatewayRoutes.limits(of: call.body))
        return .json(SessionView.json(started.session), started.isNew ? .created : .ok)
      },
      Route(
        method: .post, path: "/sessions/{id}/fork", id: "forkSession", area: "sessions",
        summary: "Start a new session from a past point of this one",
        body: .object([.required("after_message_id", .string(minimum: 1), "The last message to keep.")]),
        answers: [.json(.created, .reference("Session"), "The new session.")]
      ) { call in
        let fork = try await sessions.fork(
          call.parameter("id"), after: call.body["after_message_id"]?.string ?? "")
        return .json(SessionView.json(fork), .created)
      },
    ]
  }

  private static func reading(_ parts: WebAPI.Parts) -> [Route] {
    let sessions = parts.sessions
    return [
      Route(
        method: .get, path: "/projects/{id}/sessions", id: "listProjectSessions", area: "sessions",
        summary: "List a project's sessions, newest first", parameters: Route.paging,
        answers: [.json(.ok, .array(.reference("Session")), "The sessions.")]
      ) { call in
        let found = try await sessions.sessions(project: call.parameter("id"), page: call.page)
        return call.list(found, id: \.id, SessionView.json)
      },
      Route(
        method: .get, path: "/sessions", id: "listSessions", area: "sessions",
        summary: "List all sessions, newest first", parameters: Route.paging,
        answers: [.json(.ok, .array(.reference("Session")), "The sessions.")]
      ) { call in
        let found = try await sessions.sessions(project: nil, page: call.page, owner: call.caller.confinement)
        return call.list(found, id: \.id, SessionView.json)
      },
      Route(
        method: .get, path: "/sessions/{id}", id: "getSession", area: "sessions", summary: "Show a session",
        answers: [.json(.ok, .reference("Session"), "The session.")]
      ) { call in .json(SessionView.json(try await sessions.session(call.parameter("id")))) },
      Route(
        method: .get, path: "/sessions/{id}/messages", id: "listMessages", area: "messages",
        summary: "List a session's messages, oldest first", parameters: Route.paging,
        answers: [.json(.ok, .array(.reference("Message")), "The messages and steps.")]
      ) { call in
        call.list(
          try await sessions.messages(of: call.parameter("id"), page: call.page), id: \.id, MessageView.json)
      },
    ]
  }

  private static func removal(_ parts: WebAPI.Parts) -> Route {
    Route(
      method: .delete, path: "/sessions/{id}", id: "deleteSession", area: "sessions",
      summary: "Remove a session with its messages and its memory",
      about: "Open work is cancelled; diffs stay with the project.", answers: [.empty(.noContent, "It is gone.")]
    ) { call in
      _ = try await parts.messages.cancel(session: call.parameter("id"))
      try await parts.sessions.delete(call.parameter("id"))
      return Response(.noContent)
    }
  }
}
