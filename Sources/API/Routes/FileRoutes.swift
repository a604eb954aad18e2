import Git
import HTTP
import HTTPTypes
import JSON
import Platform
import Server
import Services
import Store

/// What is in a project's repository.
enum FileRoutes {
  private static let reference = Route.Parameter(
    name: "ref", schema: .string(maximum: 40), about: "A commit; the head of the branch when left out.")

  static func all(_ parts: WebAPI.Parts) -> [Route] { files(parts.projects) + history(parts.projects) }

  private static func files(_ projects: ProjectService) -> [Route] {
    [
      Route(
        method: .get, path: "/projects/{id}/files", id: "listFiles", area: "files",
        summary: "List the files at a commit",
        parameters: [reference], answers: [.json(.ok, .array(.reference("FileEntry")), "The entries, by path.")]
      ) { call in
        let entries = try await projects.files(of: call.parameter("id"), at: call.query["ref"]?.string)
        return .json(.array(entries.map(json)))
      },
      Route(
        method: .get, path: "/projects/{id}/files/{path...}", id: "getFile", area: "files",
        summary: "Show a file at a commit",
        about: "With raw=1 the answer is the file itself: byte ranges are served, and If-None-Match is honoured.",
        parameters: [
          reference, .init(name: "raw", schema: .integer(minimum: 0, maximum: 1), about: "1 for the bytes alone."),
        ],
        answers: [
          .json(.ok, .object([.required("path", .string()), .required("content", .string())]), "The file's text.")
        ]
      ) { call in
        let found = try await projects.file(
          call.parameter("path"), of: call.parameter("id"), at: call.query["ref"]?.string)
        let tag = try await projects.tag(
          of: found.path.text, in: call.parameter("id"), at: call.query["ref"]?.string)
        if call.query["raw"]?.integer == 1 {
          return raw(found.file.content, path: found.path.text, tag: tag?.hex ?? "")
        }
        var response = Response.json([
          "path": .string(found.path.text), "content": .string(String(decoding: found.file.content, as: UTF8.self)),
          "mode": .string(found.file.mode.text), "size": .integer(found.file.content.count),
        ])
        response.fields["etag"] = tag.map { "\"\($0.hex)\"" }
        return response
      },
      writing(projects),
    ]
  }

  /// The file itself, as plain text or bytes: never as a page or a script, since anybody's agent wrote it.
  private static func raw(_ content: [UInt8], path: String, tag: String) -> Response {
    let isText = String(validating: content, as: UTF8.self) != nil && !content.contains(0)
    var response = Response.ranged(
      content, contentType: isText ? "text/plain; charset=utf-8" : "application/octet-stream", tag: tag)
    response.fields.append("x-content-type-options", "nosniff")
    return response
  }

  private static func writing(_ projects: ProjectService) -> Route {
    Route(
      method: .put, path: "/projects/{id}/files/{path...}", id: "putFile", area: "files",
      summary: "Write one file as a commit",
      about: """
        If-Match must hold the ETag that the file was read with, or * for any file that is there; `If-None-Match: *` \
        writes only a file that is not there, and so does a request without a condition. A condition that does not \
        hold is answered 412. Content that is there already makes no commit.
        """,
      body: .object([
        .required("content", .string(maximum: 2 << 20), "The file's text."),
        .optional("message", .string(maximum: 10_000), "The commit's message."),
      ]),
      answers: [
        .json(.ok, written, "The commit."), .json(.created, written, "The commit that has the new file."),
      ], problems: [.conflict, .preconditionFailed]
    ) { call in
      let fields = call.request.head.fields
      let condition = FileCondition(
        match: fields["if-match"].map { .init($0) }, noneMatch: fields["if-none-match"].map { .init($0) })
      let file = try await projects.write(
        Array((call.body["content"]?.string ?? "").utf8), to: call.parameter("path"), of: call.parameter("id"),
        if: condition, message: call.body["message"]?.string)
      var response = Response.json(
        ["path": .string(call.parameter("path")), "committed_sha": .string(file.commit.hex)],
        file.isNew ? .created : .ok)
      response.fields["etag"] = "\"\(file.tag.hex)\""
      return response
    }
  }

  private static let written = Schema.object([.required("path", .string()), .required("committed_sha", .string())])

  private static func history(_ projects: ProjectService) -> [Route] {
    [
      Route(
        method: .get, path: "/projects/{id}/commits", id: "listCommits", area: "files",
        summary: "List the commits, newest first",
        parameters: [
          reference,
          .init(name: "limit", schema: .integer(minimum: 1, maximum: 1000), about: "How many; 100 by default."),
          .init(name: "after", schema: .string(minimum: 40, maximum: 40), about: "The last commit that was read."),
        ], answers: [.json(.ok, .array(.reference("Commit")), "The commits.")]
      ) { call in
        let page = call.page ?? Page(limit: 100, after: nil)
        let commits = try await projects.commits(
          of: call.parameter("id"), from: call.query["ref"]?.string, page: page)
        return call.list(commits, id: \.id.hex, json)
      },
      Route(
        method: .get, path: "/projects/{id}/commits/{sha}", id: "getCommit", area: "files",
        summary: "Show a commit and what it changed", answers: [.json(.ok, .reference("Commit"), "The commit.")]
      ) { call in
        let found = try await projects.commit(call.parameter("sha"), of: call.parameter("id"))
        guard case .object(var object) = json(found.commit) else { return .json(.null) }
        object["diff"] = .string(found.diff)
        object["files"] = .array(
          found.files.map {
            ["path": .string($0.path), "old_path": .string($0.oldPath), "change": .string($0.kind.rawValue)]
          })
        return .json(.object(object))
      },
      Route(
        method: .get, path: "/projects/{id}/branches", id: "listBranches", area: "files", summary: "List the branches",
        answers: [
          .json(.ok, .array(.object([.required("name", .string()), .required("sha", .string())])), "The branches.")
        ]
      ) { call in
        let branches = try await projects.branches(of: call.parameter("id"))
        return .json(.array(branches.map { ["name": .string($0.name), "sha": .string($0.commit.hex)] }))
      },
    ]
  }

  private static func json(_ entry: TreeEntry) -> JSONValue {
    [
      "name": .string(String(entry.path.split(separator: "/").last ?? "")), "path": .string(entry.path),
      "type": .string(entry.kind.rawValue), "mode": .string(entry.mode), "sha": .string(entry.id.hex),
      "size": JSONValue(entry.size),
    ]
  }

  private static func json(_ commit: Commit) -> JSONValue {
    [
      "sha": .string(commit.id.hex), "message": .string(commit.message), "author_name": .string(commit.author.name),
      "author_email": .string(commit.author.email),
      "authored_at": .string(Timestamp(microseconds: commit.author.seconds * 1_000_000).text),
      "tree": .string(commit.tree.hex), "parents": .array(commit.parents.map { .string($0.hex) }),
    ]
  }
}
