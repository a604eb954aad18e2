import CGit2
import Glibc

/// A three-way merge of trees that looks only where both sides differ from the base.
///
/// A folder that one side left alone is taken over whole, so that the cost is that of the change and not of the tree.
/// What might be half of a rename, a file where the other side has a folder, a name that is not UTF-8, or what lies
/// hundreds of folders deep, it does not decide: `Unsure` says that libgit2's merge of whole trees must.
@safe struct TreeMerge {
  /// It takes a look at both trees as a whole.
  struct Unsure: Error {}

  /// The paths that both sides changed in different ways.
  private(set) var conflicts: [String] = []
  /// Whether the result differs from our side.
  private(set) var addsSomething = false

  private static let mostLevels = 256
  private let repository: OpaquePointer
  private let writes: Bool

  /// A merge in a repository; without `writes` only the questions are answered and no object is made.
  init(in repository: OpaquePointer, writes: Bool) {
    unsafe self.repository = repository
    self.writes = writes
  }

  /// The merged tree; nil when nothing is left of it, our own when nothing is written.
  mutating func merge(
    base: git_oid?, ours: git_oid?, theirs: git_oid?, under folder: String = "", depth: Int = 0
  ) throws -> git_oid? {
    if git_oid.same(theirs, base) { return ours }
    if git_oid.same(ours, base) {
      addsSomething = true
      return theirs
    }
    // Equal on both sides may hide a file that both deleted, which may be half of two renames.
    guard !git_oid.same(ours, theirs) else { throw Unsure() }
    // Each level costs stack.
    guard depth < Self.mostLevels else { throw Unsure() }
    let trees = try (
      base.map { try unsafe OpenTree($0, in: repository) }, ours.map { try unsafe OpenTree($0, in: repository) },
      theirs.map { try unsafe OpenTree($0, in: repository) }
    )
    var builder: GitHandle?
    if writes {
      builder = try unsafe GitHandle("make a tree", free: git_treebuilder_free) {
        unsafe git_treebuilder_new(&$0, repository, trees.1?.pointer)
      }
    }
    var sides = [TreeCursor(trees.0), TreeCursor(trees.1), TreeCursor(trees.2)]
    while let first = sides.compactMap(\.item).min() {
      let entries = sides.indices.map { sides[$0].take(first) }
      guard entries[2] != entries[0] || entries[1] != entries[0] else { continue }
      guard let name = String(validating: first.name, as: UTF8.self) else { throw Unsure() }
      if entries[1] != nil, trees.2?.has(name, asTree: !first.isTree) == true { throw Unsure() }
      if entries[2] != nil, trees.1?.has(name, asTree: !first.isTree) == true { throw Unsure() }
      let result = try merge(entries[0], entries[1], entries[2], at: folder + name, depth)
      guard result != entries[1], let builder = unsafe builder?.pointer else { continue }
      try unsafe Self.put(result, name, into: builder)
    }
    guard let builder = unsafe builder?.pointer else { return trees.1?.id }
    guard unsafe git_treebuilder_entrycount(builder) > 0 else { return nil }
    var id = git_oid()
    try git("write a merged tree") { unsafe git_treebuilder_write(&id, builder) }
    return id
  }

  private static func put(_ entry: TreeItem?, _ name: String, into builder: OpaquePointer) throws(GitError) {
    guard let entry else {
      try git("take \(name) out") { unsafe git_treebuilder_remove(builder, name) }
      return
    }
    var id = entry.id
    try git("put \(name) in") {
      unsafe git_treebuilder_insert(nil, builder, name, &id, git_filemode_t(rawValue: entry.mode))
    }
  }

  /// What becomes of one name.
  private mutating func merge(
    _ base: TreeItem?, _ ours: TreeItem?, _ theirs: TreeItem?, at path: String, _ depth: Int
  ) throws -> TreeItem? {
    if theirs == base { return ours }
    if ours == base {
      addsSomething = true
      return theirs
    }
    guard let ours, let theirs else { throw Unsure() }
    if ours.isTree, theirs.isTree {
      let merged = try merge(
        base: base?.id, ours: ours.id, theirs: theirs.id, under: path + "/", depth: depth + 1)
      return merged.map { TreeItem(id: $0, mode: ours.mode) }
    }
    if ours == theirs { return ours }
    guard let base, base.isFile, ours.isFile, theirs.isFile else { throw Unsure() }
    let mode = ours.mode == base.mode ? theirs.mode : ours.mode
    if mode != ours.mode { addsSomething = true }
    if git_oid.same(theirs.id, base.id) || git_oid.same(theirs.id, ours.id) { return TreeItem(id: ours.id, mode: mode) }
    if git_oid.same(ours.id, base.id) {
      addsSomething = true
      return TreeItem(id: theirs.id, mode: mode)
    }
    guard let content = try unsafe FileMerge.merge(base.id, ours.id, theirs.id, in: repository) else {
      conflicts.append(path)
      return ours
    }
    var id = git_oid()
    try git("name \(path)") { unsafe git_odb_hash(&id, content, content.count, GIT_OBJECT_BLOB) }
    guard !git_oid.same(id, ours.id) else { return TreeItem(id: id, mode: mode) }
    addsSomething = true
    if writes {
      try git("store \(path)") { unsafe git_blob_create_from_buffer(&id, repository, content, content.count) }
    }
    return TreeItem(id: id, mode: mode)
  }
}
