package import Git
package import JSON
package import PythonSource
import Store

extension ProjectService {
  /// The agents that the entry file of a project defines, at the branch's head or another commit.
  ///
  /// - Throws: `ServiceError.invalid` when the file cannot be parsed.
  package func nodes(of id: String, at reference: String?, python: PythonHelper) async throws -> JSONValue {
    let entry = try await entry(of: id, at: reference)
    return try await Self.answer { try await python.nodes(path: entry.path, source: entry.text) }
  }

  /// A picture of the agents, their tools and handoffs, an SVG document.
  package func graph(of id: String, at reference: String?, python: PythonHelper) async throws -> String {
    let entry = try await entry(of: id, at: reference)
    return try await Self.answer { try await python.graph(path: entry.path, source: entry.text) }
  }

  /// Replaces one definition and leaves every other byte alone; returns the commit.
  ///
  /// - Throws: `ServiceError.invalid` when there is no such node, or the file would no longer be Python.
  package func replaceNode(
    _ name: String, of id: String, with definition: String, message: String?, python: PythonHelper
  ) async throws -> ObjectID {
    let entry = try await entry(of: id, at: nil)
    let replaced = try await Self.answer {
      try await python.replace(path: entry.path, source: entry.text, name: name, replacement: definition)
    }
    return try await write(
      Array(replaced.utf8), to: entry.path, of: id, if: FileCondition(match: .some([entry.tag.hex])),
      message: message ?? "Change \(name)"
    ).commit
  }

  private func entry(
    of id: String, at reference: String?
  ) async throws -> (path: String, text: String, tag: ObjectID) {
    let project = try await project(id)
    let repository = repositories.reader(project.repositoryPath)
    guard let name = reference ?? project.currentCommit else {
      throw ServiceError(.notFound, "the project has no commit yet")
    }
    let commit = try await Self.lookUp { try await repository.commit(name) }
    guard let entry = try await repository.entryFile(in: commit.tree) else {
      throw ServiceError(.notFound, "the project has no Python file")
    }
    guard let tag = try await tag(of: entry.path, in: id, at: reference) else {
      throw ServiceError(.notFound, "the project has no Python file")
    }
    return (entry.path, entry.text, tag)
  }

  private static func answer<T: Sendable>(_ question: () async throws -> T) async throws -> T {
    do { return try await question() } catch let error as PythonSourceError {
      throw ServiceError(error.isAboutSource ? .invalid : .unavailable, error.message, location: ["source"])
    }
  }
}
