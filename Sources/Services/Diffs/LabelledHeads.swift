import Synchronization

/// The heads at which the pending diffs of projects were labelled last.
final class LabelledHeads: Sendable {
  private let heads = Mutex<[String: String?]>([:])

  /// Whether a project's diffs have not been labelled at this head.
  func isNew(_ head: String?, of project: String) -> Bool { heads.withLock { $0[project] != .some(head) } }

  /// Keeps that they have.
  func put(_ head: String?, of project: String) { heads.withLock { $0[project] = .some(head) } }

  /// Has a project's diffs labelled anew at the next look, whatever its head is.
  func forget(_ project: String) { heads.withLock { _ = $0.removeValue(forKey: project) } }
}
