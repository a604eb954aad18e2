import Foundation
import Git
import Platform
import Store

extension ProjectService {
  /// A file of a repository as git's dumb HTTP protocol reads it (gitprotocol-http(5)).
  package enum RepositoryFile: Sendable {
    /// Made for the occasion.
    case text(String)
    /// A file of the object database, by its path in the repository; it is either not there or never changes.
    case object(path: String, repository: String)
  }

  /// The file of that name in a project's repository: only what a clone needs, never its settings or hooks.
  ///
  /// - Throws: `ServiceError.notFound` for every other name.
  package func repositoryFile(_ name: String, of id: String) async throws -> RepositoryFile {
    let record = try await project(id)
    switch name {
    case "HEAD": return .text("ref: refs/heads/\(record.currentBranch)\n")
    case "info/refs":
      let branches = try await branches(of: id)
      return .text(branches.map { "\($0.commit.hex)\trefs/heads/\($0.name)\n" }.joined())
    case "objects/info/packs":
      return .text(try await packs(of: record.repositoryPath).map { "P \($0)\n" }.joined() + "\n")
    default:
      guard name.wholeMatch(of: /objects\/([0-9a-f]{2}\/[0-9a-f]{38}|pack\/pack-[0-9a-f]{40}\.(pack|idx))/) != nil
      else { throw ServiceError(.notFound, "File not found") }
      return .object(path: ".git/\(name)", repository: record.repositoryPath)
    }
  }

  private func packs(of repository: String) async throws -> [String] {
    try await disk.run {
      let folder = "\(repository)/.git/objects/pack"
      guard FileManager.default.fileExists(atPath: folder) else { return [] }
      return try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".pack") }.sorted()
    }
  }
}
