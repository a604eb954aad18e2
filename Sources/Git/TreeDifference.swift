import CGit2

/// The paths at which two trees differ, by a look only into the folders that do: libgit2's own comparison walks through
/// both trees as a whole.
@safe struct TreeDifference {
  /// The paths of files, links and submodules that are in one of the trees only or another there, in git's order, as
  /// bytes, which need not be UTF-8.
  private(set) var paths: [[UInt8]] = []
  /// Whether there is a submodule among them.
  private(set) var hasSubmodules = false
  private let repository: OpaquePointer

  /// The difference of two trees; no tree has no files.
  ///
  /// - Throws: `GitError.badPath` for folders that stand too deep in each other.
  init(from old: git_oid?, to new: git_oid?, in repository: OpaquePointer) throws(GitError) {
    unsafe self.repository = repository
    try compare(old, new, under: [])
  }

  private mutating func compare(_ old: git_oid?, _ new: git_oid?, under folder: [UInt8]) throws(GitError) {
    guard !git_oid.same(old, new) else { return }
    try OpenTree.check(folder)
    var sides = (TreeCursor(try open(old)), TreeCursor(try open(new)))
    while let first = [sides.0.item, sides.1.item].compactMap(\.self).min() {
      let items = (sides.0.take(first), sides.1.take(first))
      guard items.0 != items.1 else { continue }
      let path = folder + first.name
      if first.isTree {
        try compare(items.0?.id, items.1?.id, under: path + [UInt8(ascii: "/")])
      } else {
        paths.append(path)
        hasSubmodules = hasSubmodules || items.0?.isSubmodule == true || items.1?.isSubmodule == true
      }
    }
  }

  private func open(_ id: git_oid?) throws(GitError) -> OpenTree? {
    guard let id else { return nil }
    return try unsafe OpenTree(id, in: repository)
  }
}
