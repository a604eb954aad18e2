import HTTP
import HTTPTypes
import JSON
import Server
import Services
import Store

/// Projects.
enum ProjectRoutes {
  private static let name = Schema.Field.required(
    "name", .string(minimum: 1, maximum: ProjectService.nameLimit), "What people call the project.")

  static func all(_ parts: WebAPI.Parts) -> [Route] { collection(parts) + single(parts) }

  private static func collection(_ parts: WebAPI.Parts) -> [Route] {
    let projects = parts.projects
    return [
      Route(
        method: .get, path: "/projects", id: "listProjects", area: "projects",
        summary: "List the projects, newest first", parameters: Route.paging,
        answers: [.json(.ok, .array(.reference("Project")), "The projects.")]
      ) { call in
        let owner = call.caller.confinement
        if let page = call.page {
          return call.list(try await projects.all(page: page, owner: owner), id: \.id, ProjectView.json)
        }
        if let list = projects.listAtHand(owner: owner) { return .json(list) }
        return .json(try await projects.refreshedList(owner: owner))
      },
      creating(parts.creation, hosts: parts.cloneHosts),
      Route(
        method: .get, path: "/templates", id: "listTemplates", area: "projects",
        summary: "List the templates that a project can begin as",
        answers: [.json(.ok, .array(.reference("Template")), "The templates, by name.")]
      ) { _ in .json(.array(ProjectTemplate.all.map(\.json))) },
    ]
  }

  private static let origin: [Schema.Field] = [
    name,
    .optional("template", .string(maximum: 60), "A template of GET /templates to begin with."),
    .optional("clone_url", .string(maximum: 1000), "A repository to begin with, https://HOST/PATH."),
    .optional(
      "github",
      .object([
        .required("owner", .string(maximum: 39), "The user or organisation."),
        .required("repo", .string(maximum: 100), "The repository's name."),
        .optional("private", .boolean, "Whether only its owner sees it; true unless said."),
      ]), "A repository to make on GitHub and to push to."),
  ]

  private static func creating(_ creation: ProjectCreation, hosts: [String]) -> Route {
    Route(
      method: .post, path: "/projects", id: "createProject", area: "projects",
      summary: "Make a project with its git repository",
      about: """
        With `template` it begins with a template's files, with `clone_url` with all commits of a repository's default \
        branch, and with `github` a repository is made there and pushed to: `pushed_commit` is null when that failed, \
        and POST /projects/{id}/push does it again. With `Prefer: respond-async` the answer is 202 at once; \
        `project.progress` and then `project.created` or `project.failed` follow as events of the project.
        """,
      body: .object(origin),
      answers: [
        .json(.created, .reference("Project"), "The project."),
        .json(
          .accepted, .object([.required("status", .string()), .required("project_id", .string())]), "It is being made."),
      ], problems: [.conflict, .badGateway, .serviceUnavailable]
    ) { call in
      let name = call.body["name"]?.string ?? ""
      let (origin, gitHub) = try chosen(call.body, hosts: hosts)
      guard call.request.head.fields.tokens(of: "prefer").contains("respond-async") else {
        let project = try await creation.create(
          name: name, origin: origin, gitHub: gitHub, owner: call.caller.owner)
        var response = Response.json(ProjectView.json(project), .created)
        response.fields["location"] = "/projects/\(project.id)"
        return response
      }
      let project = try await creation.begin(
        name: name, origin: origin, gitHub: gitHub, owner: call.caller.owner)
      var response = Response.json(["status": "creating", "project_id": .string(project.id)], .accepted)
      response.fields["location"] = "/projects/\(project.id)"
      response.fields["preference-applied"] = "respond-async"
      return response
    }
  }

  /// What a body wants a project to begin with, and its repository on GitHub.
  private static func chosen(
    _ body: JSONValue, hosts: [String]
  ) throws(ServiceError) -> (ProjectCreation.Origin, GitHubRepository?) {
    var gitHub: GitHubRepository?
    if let wanted = body["github"], !wanted.isNull {
      gitHub = try GitHubRepository(
        owner: wanted["owner"]?.string ?? "", name: wanted["repo"]?.string ?? "",
        isPrivate: wanted["private"]?.bool ?? true)
    }
    guard let address = body["clone_url"]?.string else {
      let template = body["template"]?.string
      return (try template.map { name throws(ServiceError) in .template(try .named(name)) } ?? .starter, gitHub)
    }
    guard body["template"]?.string == nil, gitHub == nil else {
      throw ServiceError(
        .invalid, "clone_url goes with neither template nor github: leave one out", location: ["body", "clone_url"])
    }
    return (.clone(try CloneAddress(address, hosts: hosts)), nil)
  }

  private static func single(_ parts: WebAPI.Parts) -> [Route] {
    let projects = parts.projects
    return [
      Route(
        method: .get, path: "/projects/{id}", id: "getProject", area: "projects", summary: "Show a project",
        answers: [.json(.ok, .reference("Project"), "The project as its repository is now.")]
      ) { call in .json(ProjectView.json(try await projects.project(call.parameter("id")))) },
      Route(
        method: .patch, path: "/projects/{id}", id: "updateProject", area: "projects", summary: "Rename a project",
        about: "The slug and the folder stay.", body: .object([name]),
        answers: [.json(.ok, .reference("Project"), "The project.")]
      ) { call in
        let project = try await projects.rename(call.parameter("id"), to: call.body["name"]?.string ?? "")
        return .json(ProjectView.json(project))
      },
      Route(
        method: .post, path: "/projects/{id}/push", id: "pushProject", area: "projects",
        summary: "Push the branch to the project's repository on GitHub",
        answers: [.json(.ok, .reference("Project"), "The project, with the commit that was pushed.")],
        problems: [.badRequest, .conflict, .badGateway]
      ) { call in .json(ProjectView.json(try await parts.creation.push(call.parameter("id")))) },
      Route(
        method: .delete, path: "/projects/{id}", id: "deleteProject", area: "projects",
        summary: "Remove a project with all that belongs to it", answers: [.empty(.noContent, "It is gone.")]
      ) { call in
        let id = call.parameter("id")
        for session in try await parts.sessions.sessions(project: id) {
          _ = try await parts.messages.cancel(session: session.id)
        }
        await parts.terminals.endAll(of: id)
        try await projects.delete(id)
        return Response(.noContent)
      },
    ]
  }
}
