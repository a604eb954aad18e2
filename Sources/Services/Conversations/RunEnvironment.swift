import Agents
import Git
import PythonSource

/// What the agents' loop needs for one message: patches are applied to the tree that the run began with, in memory, and
/// Python compiles the result.
struct RunEnvironment: ProposalEnvironment {
  let repository: Repository
  let writer: Repository
  let tree: ObjectID
  let python: PythonHelper
  let recorder: RunRecorder

  func check(patch: String) async throws -> PatchVerdict {
    let proposed: ObjectID
    do {
      proposed = try await writer.apply(patch: patch, to: tree)
    } catch let error as PatchError {
      return .refused(error.message)
    } catch let error as GitError where error.code == .badPath {
      return .refused(error.message)
    }
    let (diff, files) = try await writer.diff(from: tree, to: proposed)
    guard !files.isEmpty else { return .refused("the patch changes nothing") }
    var before: [ProposalTask.File] = []
    var after: [ProposalTask.File] = []
    for file in files {
      if file.kind != .added, let text = try await text(of: file.oldPath, in: tree) {
        before.append(.init(path: file.oldPath, text: text))
      }
      guard file.kind != .deleted, let text = try await text(of: file.path, in: proposed) else { continue }
      after.append(.init(path: file.path, text: text))
      guard file.path.hasSuffix(".py") else { continue }
      if case .invalid(let fault) = try await python.check(path: file.path, source: text) {
        return .refused("\(file.path): \(fault)")
      }
    }
    return .applies(Proposal(tree: proposed.hex, diff: diff, before: before, after: after))
  }

  private func text(of path: String, in tree: ObjectID) async throws -> String? {
    try await writer.file(try RepositoryPath(path), in: tree).map { String(decoding: $0.content, as: UTF8.self) }
  }

  func report(_ step: ProposalStep) async throws {
    try Task.checkCancellation()
    await recorder.record(step)
  }
}
