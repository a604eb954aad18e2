import Git
import Sandbox

/// The files of a tree that a test runs on.
struct Checkout: Sendable {
  let tree: ObjectID
  /// The path of the entry file, if there is one.
  let entry: String?
  let files: [SandboxPolicy.File]

  /// Whether it is better written by the program itself, which may have been started already, than before its start.
  let isSmall: Bool

  init(tree: ObjectID, entry: String?, files: [SandboxPolicy.File]) {
    self.tree = tree
    self.entry = entry
    self.files = files
    isSmall = files.count <= 256 && files.reduce(0) { $0 + $1.content.count } <= 1 << 20
  }
}
