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

  static func all(_ parts: WebAPI.Parts) -> [Route] { collection(parts.projects) + single(parts) }

  private static func collection(_ projects: ProjectService) -> [Route] {
    [
      Route(
        method: .get, path: "/projects", id: "listProjects", area: "projects",
        summary: "List the projects, newest first", parameters: Route.paging,
        answers: [.json(.ok, .array(.reference("Project")), "The projects.")]
      ) { call in
        if let page = call.page {
          return call.list(try await projects.all(page: page), id: \.id, ProjectView.json)
        }
        if let list = projects.listAtHand() { return .json(list) }
        return .json(try await projects.refreshedList())
      },
      Route(
        method: .post, path: "/projects", id: "createProject", area: "projects",
        summary: "Make a project with its git repository", body: .object([name]),
        answers: [.json(.created, .reference("Project"), "The project.")]
      ) { call in
        let project = try await projects.create(name: call.body["name"]?.string ?? "")
        var response = Response.json(ProjectView.json(project), .created)
        response.fields["location"] = "/projects/\(project.id)"
        return response
      },
    ]
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
        method: .delete, path: "/projects/{id}", id: "deleteProject", area: "projects",
        summary: "Remove a project with all that belongs to it", answers: [.empty(.noContent, "It is gone.")]
      ) { call in
        let id = call.parameter("id")
        for session in try await parts.sessions.sessions(project: id) {
          _ = try await parts.messages.cancel(session: session.id)
        }
        try await projects.delete(id)
        return Response(.noContent)
      },
    ]
  }
}
