import CGit2
import Glibc

/// A three-way merge of trees that looks only where both sides differ from the base.
///
/// A folder that one side left alone is taken over whole, so that the cost is that of the change and not of the tree.
/// What might be half of a rename, or a file where the other side has a folder, it does not decide: `Unsure` says that
/// libgit2's merge of whole trees must.
@safe struct TreeMerge {
  /// It takes a look at both trees as a whole.
  struct Unsure: Error {}

  /// The paths that both sides changed in different ways.
  private(set) var conflicts: [String] = []
  /// Whether the result differs from our side.
  private(set) var addsSomething = false

  private let repository: OpaquePointer
  private let writes: Bool

  /// A merge in a repository; without `writes` only the questions are answered and no object is made.
  init(in repository: OpaquePointer, writes: Bool) {
    unsafe self.repository = repository
    self.writes = writes
  }

  /// The merged tree; nil when nothing is left of it, our own when nothing is written.
  mutating func merge(
    base: git_oid?, ours: git_oid?, theirs: git_oid?, under folder: String = ""
  ) throws -> git_oid? {
    if Self.same(theirs, base) { return ours }
    if Self.same(ours, base) {
      addsSomething = true
      return theirs
    }
    // Equal on both sides may hide a file that both deleted, which may be half of two renames.
    guard !Self.same(ours, theirs) else { throw Unsure() }
    let trees = try (
      base.map { try unsafe Tree($0, in: repository) }, ours.map { try unsafe Tree($0, in: repository) },
      theirs.map { try unsafe Tree($0, in: repository) }
    )
    var builder: GitHandle?
    if writes {
      builder = try unsafe GitHandle("make a tree", free: git_treebuilder_free) {
        unsafe git_treebuilder_new(&$0, repository, trees.1?.pointer)
      }
    }
    var sides = [Cursor(trees.0), Cursor(trees.1), Cursor(trees.2)]
    while let first = sides.compactMap(\.entry).min() {
      let entries = sides.indices.map { sides[$0].take(first) }
      guard entries[2] != entries[0] || entries[1] != entries[0] else { continue }
      let name = first.name
      if entries[1] != nil, trees.2?.has(name, asTree: !first.isTree) == true { throw Unsure() }
      if entries[2] != nil, trees.1?.has(name, asTree: !first.isTree) == true { throw Unsure() }
      let result = try merge(entries[0], entries[1], entries[2], at: folder + name)
      guard result != entries[1], let builder = unsafe builder?.pointer else { continue }
      try unsafe Self.put(result, name, into: builder)
    }
    guard let builder = unsafe builder?.pointer else { return trees.1?.id }
    guard unsafe git_treebuilder_entrycount(builder) > 0 else { return nil }
    var id = git_oid()
    try git("write a merged tree") { unsafe git_treebuilder_write(&id, builder) }
    return id
  }

  private static func put(_ entry: Entry?, _ name: String, into builder: OpaquePointer) throws(GitError) {
    guard let entry else {
      try git("take \(name) out") { unsafe git_treebuilder_remove(builder, name) }
      return
    }
    var id = entry.id
    try git("put \(name) in") {
      unsafe git_treebuilder_insert(nil, builder, name, &id, git_filemode_t(rawValue: entry.mode))
    }
  }

  private static func same(_ left: git_oid?, _ right: git_oid?) -> Bool {
    guard var left, var right else { return left == nil && right == nil }
    return unsafe git_oid_equal(&left, &right) != 0
  }

  /// What becomes of one name.
  private mutating func merge(_ base: Entry?, _ ours: Entry?, _ theirs: Entry?, at path: String) throws -> Entry? {
    if theirs == base { return ours }
    if ours == base {
      addsSomething = true
      return theirs
    }
    guard let ours, let theirs else { throw Unsure() }
    if ours.isTree, theirs.isTree {
      guard let id = try merge(base: base?.id, ours: ours.id, theirs: theirs.id, under: path + "/") else { return nil }
      return Entry(id: id, mode: ours.mode)
    }
    if ours == theirs { return ours }
    guard let base, base.isFile, ours.isFile, theirs.isFile else { throw Unsure() }
    let mode = ours.mode == base.mode ? theirs.mode : ours.mode
    if mode != ours.mode { addsSomething = true }
    if Self.same(theirs.id, base.id) || Self.same(theirs.id, ours.id) { return Entry(id: ours.id, mode: mode) }
    if Self.same(ours.id, base.id) {
      addsSomething = true
      return Entry(id: theirs.id, mode: mode)
    }
    guard let content = try unsafe FileMerge.merge(base.id, ours.id, theirs.id, in: repository) else {
      conflicts.append(path)
      return ours
    }
    var id = git_oid()
    try git("name \(path)") { unsafe git_odb_hash(&id, content, content.count, GIT_OBJECT_BLOB) }
    guard !Self.same(id, ours.id) else { return Entry(id: id, mode: mode) }
    addsSomething = true
    if writes {
      try git("store \(path)") { unsafe git_blob_create_from_buffer(&id, repository, content, content.count) }
    }
    return Entry(id: id, mode: mode)
  }
}

extension TreeMerge {
  /// What stands at a name; ordered as git's trees are, where a folder sorts as if a slash followed its name.
  @safe private struct Entry: Comparable {
    let id: git_oid
    let mode: UInt32
    private let place: OpaquePointer?

    init(id: git_oid, mode: UInt32) {
      self.id = id
      self.mode = mode
      unsafe place = nil
    }

    /// An entry of an open tree.
    init?(_ place: OpaquePointer?) {
      guard let place = unsafe place, let id = unsafe git_tree_entry_id(place)?.pointee else { return nil }
      self.id = id
      mode = unsafe git_tree_entry_filemode(place).rawValue
      unsafe self.place = place
    }

    var isTree: Bool { mode == GIT_FILEMODE_TREE.rawValue }
    var isFile: Bool { mode == GIT_FILEMODE_BLOB.rawValue || mode == GIT_FILEMODE_BLOB_EXECUTABLE.rawValue }
    var name: String { unsafe git_tree_entry_name(place).map { unsafe String(cString: $0) } ?? "" }

    static func == (left: Entry, right: Entry) -> Bool { left.mode == right.mode && same(left.id, right.id) }

    static func < (left: Entry, right: Entry) -> Bool { unsafe git_tree_entry_cmp(left.place, right.place) < 0 }
  }

  /// An open tree.
  @safe private final class Tree {
    private let handle: GitHandle
    let id: git_oid
    var pointer: OpaquePointer { unsafe handle.pointer }

    init(_ id: git_oid, in repository: OpaquePointer) throws(GitError) {
      self.id = id
      var id = id
      handle = try unsafe GitHandle("find a tree", free: git_tree_free) {
        unsafe git_tree_lookup(&$0, repository, &id)
      }
    }

    func entry(_ index: Int) -> Entry? { unsafe Entry(git_tree_entry_byindex(handle.pointer, index)) }

    func has(_ name: String, asTree isTree: Bool) -> Bool {
      guard let entry = unsafe Entry(git_tree_entry_byname(handle.pointer, name)) else { return false }
      return entry.isTree == isTree
    }
  }

  /// A place in a tree's entries.
  private struct Cursor {
    private let tree: Tree?
    private var index = 0
    private(set) var entry: Entry?

    init(_ tree: Tree?) {
      self.tree = tree
      entry = tree?.entry(0)
    }

    /// The entry of the same name and kind, and a step on, if it is the one at hand.
    mutating func take(_ other: Entry) -> Entry? {
      guard let found = entry, !(other < found) else { return nil }
      index += 1
      entry = tree?.entry(index)
      return found
    }
  }
}
