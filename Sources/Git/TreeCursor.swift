import CGit2
import Glibc

/// What stands at a name of a tree; ordered as git's trees are, where a folder sorts as if a slash followed its name.
@safe struct TreeItem: Comparable {
  let id: git_oid
  let mode: UInt32
  private let place: OpaquePointer?

  init(id: git_oid, mode: UInt32) {
    self.id = id
    self.mode = mode
    unsafe place = nil
  }

  /// An item of an open tree.
  init?(_ place: OpaquePointer?) {
    guard let place = unsafe place, let id = unsafe git_tree_entry_id(place)?.pointee else { return nil }
    self.id = id
    mode = unsafe git_tree_entry_filemode(place).rawValue
    unsafe self.place = place
  }

  var isTree: Bool { mode == GIT_FILEMODE_TREE.rawValue }
  var isSubmodule: Bool { mode == GIT_FILEMODE_COMMIT.rawValue }
  var isFile: Bool { mode == GIT_FILEMODE_BLOB.rawValue || mode == GIT_FILEMODE_BLOB_EXECUTABLE.rawValue }
  /// The name as git has it, which need not be UTF-8.
  var name: [UInt8] {
    guard let name = unsafe git_tree_entry_name(place) else { return [] }
    return unsafe Array(UnsafeRawBufferPointer(start: name, count: strlen(name)))
  }

  static func == (left: TreeItem, right: TreeItem) -> Bool {
    left.mode == right.mode && git_oid.same(left.id, right.id)
  }

  static func < (left: TreeItem, right: TreeItem) -> Bool { unsafe git_tree_entry_cmp(left.place, right.place) < 0 }
}

/// An open tree.
@safe final class OpenTree {
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

  /// Refuses a folder that no file system would take, before a walk goes into it: each level costs stack.
  static func check(_ folder: [UInt8]) throws(GitError) {
    guard folder.count <= 4096 else {
      let beginning = String(decoding: folder.prefix(60), as: UTF8.self)
      throw GitError(.badPath, "the folder '\(beginning)…' lies deeper than 4096 bytes of path")
    }
  }

  func item(_ index: Int) -> TreeItem? { unsafe TreeItem(git_tree_entry_byindex(handle.pointer, index)) }

  func has(_ name: String, asTree isTree: Bool) -> Bool {
    guard let item = unsafe TreeItem(git_tree_entry_byname(handle.pointer, name)) else { return false }
    return item.isTree == isTree
  }
}

/// A place in a tree's items, for a walk through several trees side by side.
struct TreeCursor {
  private let tree: OpenTree?
  private var index = 0
  private(set) var item: TreeItem?

  /// The first item; none of no tree.
  init(_ tree: OpenTree?) {
    self.tree = tree
    item = tree?.item(0)
  }

  /// The item of the same name and kind, and a step on, if it is the one at hand.
  mutating func take(_ other: TreeItem) -> TreeItem? {
    guard let found = item, !(other < found) else { return nil }
    index += 1
    item = tree?.item(index)
    return found
  }
}

extension git_oid {
  /// Whether two names are the same one, or none.
  static func same(_ left: git_oid?, _ right: git_oid?) -> Bool {
    guard var left, var right else { return left == nil && right == nil }
    return unsafe git_oid_equal(&left, &right) != 0
  }
}
