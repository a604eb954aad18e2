import Git
import HTTP
import HTTPTypes
import JSON
import PythonSource
import Server
import Services

/// The agents that a project defines.
enum NodeRoutes {
  private static let reference = Route.Parameter(
    name: "ref", schema: .string(minimum: 4, maximum: 40), about: "A commit; the branch's head by default.")

  static func all(_ parts: WebAPI.Parts) -> [Route] {
    definitions(parts.projects, parts.python) + [graph(parts.projects, parts.python)]
  }

  private static func definitions(_ projects: ProjectService, _ python: PythonHelper) -> [Route] {
    [
      Route(
        method: .get, path: "/projects/{id}/nodes", id: "listNodes", area: "nodes",
        summary: "List the agents that the entry file defines", about: "Found by Python's own parser.",
        parameters: [reference], answers: [.json(.ok, .array(.reference("Node")), "The agents, in source order.")]
      ) { call in
        .json(try await projects.nodes(of: call.parameter("id"), at: call.query["ref"]?.string, python: python))
      },
      Route(
        method: .put, path: "/projects/{id}/nodes/{name}", id: "putNode", area: "nodes",
        summary: "Replace one definition as a commit",
        about: """
          The definition is an Agent(...) expression, a whole assignment, or a class; every other byte of the file \
          stays. Of two agents with one name the id tells which, as `name#2`.
          """,
        body: .object([
          .required("definition", .string(minimum: 1, maximum: 200_000), "The new definition.", aliases: ["code"]),
          .optional("message", .string(maximum: 10_000), "The commit's message."),
        ]),
        answers: [.json(.ok, .object([.required("committed_sha", .string())]), "The commit.")],
        problems: [.preconditionFailed, .serviceUnavailable]
      ) { call in
        let commit = try await projects.replaceNode(
          call.parameter("name"), of: call.parameter("id"), with: call.body["definition"]?.string ?? "",
          message: call.body["message"]?.string, python: python)
        return .json(["committed_sha": .string(commit.hex)])
      },
    ]
  }

  private static func graph(_ projects: ProjectService, _ python: PythonHelper) -> Route {
    Route(
      method: .get, path: "/projects/{id}/graph", id: "getGraph", area: "nodes",
      summary: "Draw the agents, their tools and handoffs", parameters: [reference],
      answers: [.text("image/svg+xml", "A picture; its groups carry data-node-id.")]
    ) { call in
      let picture = try await projects.graph(of: call.parameter("id"), at: call.query["ref"]?.string, python: python)
      let fields = HeaderFields([
        ("content-type", "image/svg+xml"), ("x-content-type-options", "nosniff"),
        // Names in it come from anybody's source: nothing in it may run.
        ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'"),
      ])
      return Response(.ok, fields: fields, body: .bytes(Array(picture.utf8)))
    }
  }
}
