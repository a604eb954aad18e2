import HTTP
import HTTPTypes
import Platform
import Server
import Services

/// Repositories for ordinary git: `git clone http://HOST/projects/ID/git`.
enum RepositoryRoutes {
  static func all(_ parts: WebAPI.Parts) -> [Route] {
    let projects = parts.projects
    return [
      Route(
        method: .get, path: "/projects/{id}/git/{path...}", id: "readRepository", area: "files",
        summary: "Read the repository with git",
        about: """
          git's dumb HTTP protocol, for clone and fetch: `git clone http://HOST/projects/ID/git`. Objects never change \
          and may be kept for ever; byte ranges of packs are served.
          """,
        answers: [.text("application/octet-stream", "A file of the repository.")]
      ) { call in
        switch try await projects.repositoryFile(call.parameter("path"), of: call.parameter("id")) {
        case .text(let text):
          let fields = HeaderFields([("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-cache")])
          return Response(.ok, fields: fields, body: .bytes(Array(text.utf8)))
        case .object(let name, let repository):
          let file: FileBody
          do { file = try await projects.disk.run { try FileBody.open(name, below: repository) } } catch is SystemError
          {
            throw ServiceError(.notFound, "File not found")
          }
          var response = Response.file(file, contentType: "application/octet-stream")
          response.fields.append("cache-control", "private, max-age=31536000, immutable")
          return response
        }
      }
    ]
  }
}
