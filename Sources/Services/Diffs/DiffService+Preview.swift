import Git
package import JSON
import Store

extension DiffService {
  /// The code before and after, of the entry file and of each file with its numbered hunks, without changing anything.
  package func preview(_ id: String) async throws -> JSONValue {
    let diff = try await diff(id)
    let project = try await projects.project(diff.projectId)
    let repository = projects.repositories.reader(project.repositoryPath)
    let trees = try await trees(of: diff, in: repository)
    var files: [JSONValue] = []
    for change in try await repository.changes(from: trees.base, to: trees.proposal) {
      let file = change.file
      let before = file.kind == .added ? nil : try await repository.text(of: file.oldPath, in: trees.base)
      let after = file.kind == .deleted ? nil : try await repository.text(of: file.path, in: trees.proposal)
      files.append([
        "path": .string(file.path), "old_path": .string(file.oldPath), "change": .string(file.kind.rawValue),
        "original_code": JSONValue(before), "preview_code": JSONValue(after),
        "hunks": .array(change.hunks.map(DiffView.json)),
      ])
    }
    let original = try await repository.entryFile(in: trees.base)
    let preview = try await repository.entryFile(in: trees.proposal)
    return [
      "diff_id": .string(id), "original_code": JSONValue(original?.text ?? ""),
      "preview_code": JSONValue(preview?.text ?? ""), "diff_content": .string(diff.diffContent),
      "commit_message": .string(diff.commitMessage), "files": .array(files),
    ]
  }
}
