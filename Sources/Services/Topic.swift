/// The topics of the event log: `KIND:ID`.
package enum Topic {
  /// All that happens in a project.
  package static func project(_ id: String) -> String { "project:\(id)" }
  /// All that happens in a session.
  package static func session(_ id: String) -> String { "session:\(id)" }
  /// What happens to a diff.
  package static func diff(_ id: String) -> String { "diff:\(id)" }
  /// What happens to a terminal; what it shows has a protocol of its own.
  package static func terminal(_ id: String) -> String { "terminal:\(id)" }

  /// The kinds that can be subscribed to.
  package static let kinds = ["project", "session", "run", "job", "workflow", "terminal", "diff"]

  /// Whether a text has the form of a topic.
  package static func isWellFormed(_ text: String) -> Bool {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    return parts.count == 2 && kinds.contains(String(parts[0])) && !parts[1].isEmpty && parts[1].utf8.count <= 128
  }
}
