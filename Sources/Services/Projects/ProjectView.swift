import EventLog
package import JSON
package import Store

/// How a project looks to a client.
package enum ProjectView {
  /// The fields of the wire format.
  package static func json(_ record: ProjectRecord) -> JSONValue {
    [
      "id": .string(record.id), "name": .string(record.name), "slug": .string(record.slug),
      "repository_path": .string(record.repositoryPath), "current_code": JSONValue(record.currentCode),
      "current_commit": JSONValue(record.currentCommit), "current_branch": .string(record.currentBranch),
      "remote_url": JSONValue(record.remoteUrl), "github_repository": JSONValue(record.githubRepository),
      "pushed_commit": JSONValue(record.pushedCommit),
      "created_at": .string(record.createdAt), "updated_at": .string(record.updatedAt),
    ]
  }

  /// Says that a project that was to be made will not be.
  static func failed(_ id: String, _ reason: String) -> NewEvent {
    NewEvent("project.failed", topics: [Topic.project(id)], data: ["id": .string(id), "error": .string(reason)])
  }
}
