import HTTP
import HTTPTypes
import JSON
import Sandbox
import Server
import Services
import Store
import Terminal

/// Programs on terminals, in the work trees of projects.
enum TerminalRoutes {
  static func all(_ parts: WebAPI.Parts) -> [Route] {
    [create(parts.terminals), list(parts.terminals)] + single(parts.terminals) + [socket(parts.terminals)]
  }

  private static let one = Route.Answer.json(.ok, .reference("Terminal"), "The terminal as it is now.")

  private static func create(_ terminals: TerminalService) -> Route {
    let bounds = TerminalSize.bounds
    let count = Schema.integer(minimum: bounds.lowerBound, maximum: bounds.upperBound)
    return Route(
      method: .post, path: "/terminals", id: "createTerminal", area: "terminals",
      summary: "Start a program on a terminal in a project's work tree",
      about: """
        It runs in the sandbox, and may write to the work tree. What cannot be started is a terminal in the state \
        `error`, whose `reason` says why. Connect to /terminals/{id}/ws to see and to type.
        """,
      body: .object([
        .required("project_id", .string(minimum: 1, maximum: 64), "The project."),
        .optional("command", .any, "A text for the shell, or the program and its arguments; a shell without it."),
        .optional("cols", count, "Columns, 80 without it."), .optional("rows", count, "Rows, 24 without it."),
        .optional("env", .any, "More variables of its environment: an object of texts."),
      ]),
      answers: [.json(.created, .reference("Terminal"), "The terminal.")],
      problems: [.notFound, .tooManyRequests, .serviceUnavailable], alias: "/api/terminals", scope: .execute
    ) { call in
      let usual = TerminalSize.usual
      let size = TerminalSize(
        columns: call.body["cols"]?.integer ?? Int(usual.columns), rows: call.body["rows"]?.integer ?? Int(usual.rows))
      let order = try TerminalOrder(
        project: call.body["project_id"]?.string ?? "", command: call.body["command"] ?? .null, size: size ?? usual,
        environment: call.body["env"] ?? .null)
      let terminal = try await terminals.create(order)
      var response = Response.json(TerminalView.json(terminal), .created)
      response.fields["location"] = "/api/terminals/\(terminal.id)"
      return response
    }
  }

  private static func list(_ terminals: TerminalService) -> Route {
    let project = Route.Parameter(
      name: "project_id", schema: .string(minimum: 1, maximum: 64), about: "Only those of this project.")
    return Route(
      method: .get, path: "/terminals", id: "listTerminals", area: "terminals",
      summary: "List the terminals, newest first", parameters: [project] + Route.paging,
      answers: [.json(.ok, .array(.reference("Terminal")), "The terminals.")], alias: "/api/terminals"
    ) { call in
      let found = try await terminals.terminals(
        project: call.query["project_id"]?.string, page: call.page, owner: call.caller.confinement)
      return call.list(found, id: \.id, TerminalView.json)
    }
  }

  private static func single(_ terminals: TerminalService) -> [Route] {
    [
      Route(
        method: .get, path: "/terminals/{id}", id: "getTerminal", area: "terminals", summary: "Show a terminal",
        answers: [one], alias: "/api/terminals/{id}"
      ) { call in .json(TerminalView.json(try await terminals.terminal(call.parameter("id")))) },
      Route(
        method: .delete, path: "/terminals/{id}", id: "deleteTerminal", area: "terminals",
        summary: "End a terminal with all its programs", answers: [.empty(.noContent, "It is gone.")],
        alias: "/api/terminals/{id}", scope: .execute
      ) { call in
        try await terminals.delete(call.parameter("id"))
        return Response(.noContent)
      },
    ]
  }

  private static func socket(_ terminals: TerminalService) -> Route {
    Route(
      method: .get, path: "/terminals/{id}/ws", id: "openTerminal", area: "terminals",
      summary: "See and use a terminal over WebSocket",
      about: """
        In, as text: {"type":"input","data":T}, {"type":"interrupt"}, {"type":"resize","cols":N,"rows":N}, \
        {"type":"take"} and {"type":"release"} for control, {"type":"ping"}; a binary message is input as it is. \
        Out: {"type":"status","state":"running"|"exited"|"error","offset",...}, {"type":"output","data","offset"} or \
        in binary mode the bytes, {"type":"gap","lost","offset"}, {"type":"error","code","message"}. An `offset` says \
        how many bytes of the stream the client has had: give it as `after` to go on there.
        """,
      parameters: [
        .init(name: "after", schema: .integer(minimum: 0), about: "Bytes had before; all that is kept without it."),
        .init(
          name: "mode", schema: .string(values: ["text", "binary"]), about: "How output is sent; text without it."),
        .init(
          name: "control", schema: .string(values: TerminalControl.allCases.map(\.rawValue)),
          about: "auto, the default, has control when nobody else does; take has it at once; watch does not want it."),
      ], answers: [.empty(.switchingProtocols, "A WebSocket.")], problems: [.upgradeRequired],
      alias: "/api/terminal/{id}", scope: .execute
    ) { call in
      let record = try await terminals.terminal(call.parameter("id"))
      let after = call.query["after"]?.integer
      guard after ?? 0 <= record.writtenBytes else {
        throw ServiceError(
          .invalid, "after must be at most the \(record.writtenBytes) bytes that the terminal has written",
          location: ["query", "after"])
      }
      let control = call.query["control"]?.string.flatMap(TerminalControl.init) ?? .auto
      let session = terminals.session(of: record.id)
      return try .webSocket(call.request.head) { socket in
        guard let session else { return try await TerminalSocket.tell(record, after: after, to: socket) }
        let viewer = TerminalSocket(session: session, socket: socket, isBinary: call.query["mode"] == "binary")
        try await viewer.run(after: after, control: control)
      }
    }
  }
}
