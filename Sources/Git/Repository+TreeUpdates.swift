import CGit2
import Glibc

/// One change to a tree.
enum TreeUpdate {
  /// A file with this content stands at the path.
  case write(String, TreeFile)
  /// What another tree has at the path stands there, too.
  case copy(String, from: ObjectID)
  /// Nothing stands at the path.
  case remove(String)

  var path: String {
    switch self {
    case .write(let path, _), .copy(let path, from: _), .remove(let path): path
    }
  }
}

extension Repository {
  /// What is to stand at a path; nil for nothing.
  private struct Leaf {
    let path: [Substring]
    let entry: (id: git_oid, mode: UInt32)?
  }

  /// A tree with changes, or one that is made of them alone.
  ///
  /// Only the folders above changed paths are read and written. What is removed goes first, so that a file may take
  /// the place of a folder and the other way round; a folder that nothing is left in goes too, since git has none.
  ///
  /// - Throws: `GitError.badPath` when a file is in the way of a folder, or a folder in that of a file.
  func makeTree(from base: ObjectID?, updates: [TreeUpdate]) throws(GitError) -> ObjectID {
    try unsafe withHandle { repository throws(GitError) in
      var leaves: [Leaf] = []
      for update in updates {
        let entry = try unsafe Self.entry(of: update, in: repository)
        leaves.append(Leaf(path: update.path.split(separator: "/"), entry: entry))
      }
      if let made = try unsafe Self.update(base?.raw, leaves[...], depth: 0, in: repository) { return ObjectID(made) }
      let empty = try unsafe GitHandle("make a tree", free: git_treebuilder_free) {
        unsafe git_treebuilder_new(&$0, repository, nil)
      }
      var id = git_oid()
      try git("write a tree") { unsafe git_treebuilder_write(&id, empty.pointer) }
      return ObjectID(id)
    }
  }

  private static func entry(
    of update: TreeUpdate, in repository: OpaquePointer
  ) throws(GitError) -> (id: git_oid, mode: UInt32)? {
    switch update {
    case .remove: return nil
    case .write(let path, let file):
      var id = git_oid()
      try git("store \(path)") {
        unsafe git_blob_create_from_buffer(&id, repository, file.content, file.content.count)
      }
      return (id, file.mode.rawValue)
    case .copy(let path, from: let source):
      let tree = try unsafe lookUpTree(source, in: repository)
      let entry = try unsafe GitHandle("find \(path)", free: git_tree_entry_free) {
        unsafe git_tree_entry_bypath(&$0, tree.pointer, path)
      }
      guard let id = unsafe git_tree_entry_id(entry.pointer)?.pointee else { return nil }
      return (id, unsafe git_tree_entry_filemode(entry.pointer).rawValue)
    }
  }

  /// A folder with the changes below it; nil when nothing is left in it.
  private static func update(
    _ base: git_oid?, _ leaves: ArraySlice<Leaf>, depth: Int, in repository: OpaquePointer
  ) throws(GitError) -> git_oid? {
    var tree: GitHandle?
    if let base { tree = try unsafe lookUpTree(ObjectID(base), in: repository) }
    let builder = try unsafe GitHandle("make a tree", free: git_treebuilder_free) {
      unsafe git_treebuilder_new(&$0, repository, tree?.pointer)
    }
    let here = leaves.filter { $0.path.count == depth + 1 }
    for leaf in here where leaf.entry == nil {
      // Whether it is there was looked at when the change was made; gone is what it is to be.
      _ = unsafe git_treebuilder_remove(builder.pointer, String(leaf.path[depth]))
    }
    for (name, below) in Dictionary(grouping: leaves.filter { $0.path.count > depth + 1 }, by: { $0.path[depth] }) {
      let name = String(name)
      var present: git_oid?
      if let entry = unsafe git_treebuilder_get(builder.pointer, name) {
        if unsafe git_tree_entry_filemode(entry) == GIT_FILEMODE_TREE {
          present = unsafe git_tree_entry_id(entry)?.pointee
        } else if below.contains(where: { $0.entry != nil }) {
          throw GitError(.badPath, "\(below[0].path[...depth].joined(separator: "/")) is a file and no folder")
        } else {
          continue
        }
      }
      guard var id = try unsafe update(present, below[...], depth: depth + 1, in: repository) else {
        if present != nil { _ = unsafe git_treebuilder_remove(builder.pointer, name) }
        continue
      }
      try git("put \(name) in") {
        unsafe git_treebuilder_insert(nil, builder.pointer, name, &id, GIT_FILEMODE_TREE)
      }
    }
    try unsafe put(here, depth: depth, into: builder.pointer)
    guard unsafe git_treebuilder_entrycount(builder.pointer) > 0 else { return nil }
    var id = git_oid()
    try git("write a tree") { unsafe git_treebuilder_write(&id, builder.pointer) }
    return id
  }

  private static func put(_ leaves: [Leaf], depth: Int, into builder: OpaquePointer) throws(GitError) {
    for leaf in leaves {
      guard let entry = leaf.entry else { continue }
      let name = String(leaf.path[depth])
      if let present = unsafe git_treebuilder_get(builder, name),
        unsafe git_tree_entry_filemode(present) == GIT_FILEMODE_TREE, entry.mode != GIT_FILEMODE_TREE.rawValue
      {
        throw GitError(.badPath, "\(leaf.path.joined(separator: "/")) is a folder and no file")
      }
      var id = entry.id
      try git("put \(name) in") {
        unsafe git_treebuilder_insert(nil, builder, name, &id, git_filemode_t(rawValue: entry.mode))
      }
    }
  }
}
