import CGit2
import Glibc

extension Repository {
  /// The entries of a tree with all its folders, by path; at most `limit`.
  ///
  /// Sizes cost a look at each file, and are left out unless they are wanted.
  ///
  /// - Throws: `GitError.badPath` when folders stand so deep in each other that no file system would take them.
  package func entries(
    of tree: ObjectID, limit: Int = 20_000, withSizes: Bool = true
  ) throws(GitError) -> [TreeEntry] {
    try unsafe withHandle { repository throws(GitError) in
      var entries: [TreeEntry] = []
      try unsafe Self.collect(tree, under: "", in: repository, into: &entries, limit: limit, withSizes: withSizes)
      return entries
    }
  }

  /// Whether an object of that name is there.
  package func contains(_ object: ObjectID) throws(GitError) -> Bool {
    try unsafe withHandle { repository throws(GitError) in
      let objects = try unsafe GitHandle("open the objects", free: git_odb_free) {
        unsafe git_repository_odb(&$0, repository)
      }
      var id = object.raw
      return unsafe git_odb_exists(objects.pointer, &id) == 1
    }
  }

  private static func collect(
    _ id: ObjectID, under folder: String, in repository: OpaquePointer, into entries: inout [TreeEntry], limit: Int,
    withSizes: Bool
  ) throws(GitError) {
    try OpenTree.check(Array(folder.utf8))
    let tree = try unsafe lookUpTree(id, in: repository)
    for index in 0..<(unsafe git_tree_entrycount(tree.pointer)) where entries.count < limit {
      guard let entry = unsafe git_tree_entry_byindex(tree.pointer, index),
        let name = unsafe git_tree_entry_name(entry), let raw = unsafe git_tree_entry_id(entry)?.pointee
      else { continue }
      let path = unsafe folder + String(cString: name)
      let mode = unsafe git_tree_entry_filemode(entry).rawValue
      let kind = kind(ofMode: mode)
      let id = ObjectID(raw)
      let size = kind == .file && withSizes ? try unsafe size(of: id, in: repository) : nil
      entries.append(TreeEntry(path: path, kind: kind, mode: modeText(mode), id: id, size: size))
      if kind == .directory {
        try unsafe collect(
          id, under: path + "/", in: repository, into: &entries, limit: limit, withSizes: withSizes)
      }
    }
  }

  /// The files and links of a tree with their content, for a copy of it; submodules are left out.
  ///
  /// - Throws: `GitError` when there are more than `limit` bytes.
  package func checkout(
    of tree: ObjectID, limit: Int
  ) throws(GitError) -> [(path: String, mode: UInt32, content: [UInt8])] {
    let entries = try entries(of: tree).filter { $0.kind == .file || $0.kind == .symlink }
    guard entries.reduce(0, { $0 + ($1.size ?? 0) }) <= limit else {
      throw GitError(.failed, "the project has more than \(limit) bytes of files")
    }
    return try unsafe withHandle { repository throws(GitError) in
      var files: [(path: String, mode: UInt32, content: [UInt8])] = []
      for entry in entries {
        var id = entry.id.raw
        let blob = try unsafe GitHandle("read \(entry.path)", free: git_blob_free) {
          unsafe git_blob_lookup(&$0, repository, &id)
        }
        let bytes = unsafe UnsafeRawBufferPointer(
          start: git_blob_rawcontent(blob.pointer), count: Int(git_blob_rawsize(blob.pointer)))
        files.append((entry.path, UInt32(entry.mode, radix: 8) ?? 0o100644, unsafe Array(bytes)))
      }
      return files
    }
  }

  private static func modeText(_ mode: UInt32) -> String {
    let digits = String(mode, radix: 8)
    return String(repeating: "0", count: max(0, 6 - digits.count)) + digits
  }

  private static func kind(ofMode mode: UInt32) -> TreeEntry.Kind {
    switch mode {
    case GIT_FILEMODE_TREE.rawValue: .directory
    case GIT_FILEMODE_LINK.rawValue: .symlink
    case GIT_FILEMODE_COMMIT.rawValue: .submodule
    default: .file
    }
  }

  private static func size(of blob: ObjectID, in repository: OpaquePointer) throws(GitError) -> Int {
    var id = blob.raw
    let database = try unsafe GitHandle("open the objects", free: git_odb_free) {
      unsafe git_repository_odb(&$0, repository)
    }
    var (size, kind) = (0, GIT_OBJECT_ANY)
    try git("read the header of \(blob)") { unsafe git_odb_read_header(&size, &kind, database.pointer, &id) }
    return size
  }

  /// The tree of a commit.
  package func tree(of commit: ObjectID) throws(GitError) -> ObjectID {
    try unsafe withHandle { repository throws(GitError) in
      let commit = try unsafe Self.lookUpCommit(commit.raw, in: repository)
      guard let id = unsafe git_commit_tree_id(commit.pointer)?.pointee else {
        throw GitError(.failed, "a commit has no tree")
      }
      return ObjectID(id)
    }
  }

  /// A file of a tree; nil when there is none at the path.
  ///
  /// - Throws: `GitError.badPath` when something else stands there, or in the way.
  package func file(_ path: RepositoryPath, in tree: ObjectID) throws(GitError) -> TreeFile? {
    try unsafe withHandle { repository throws(GitError) in try unsafe Self.file(path, in: tree, of: repository) }
  }

  /// The text of a file; nil when no regular file stands at the path.
  package func text(of path: String, in tree: ObjectID) throws(GitError) -> String? {
    do { return try file(RepositoryPath(path), in: tree).map { String(decoding: $0.content, as: UTF8.self) } } catch {
      guard error.code == .badPath else { throw error }
      return nil
    }
  }

  /// Whether a file that can be written, of so many bytes at most, stands at the top of a tree.
  package func isFile(_ name: String, in tree: ObjectID, upTo limit: Int) throws(GitError) -> Bool {
    try unsafe withHandle { repository throws(GitError) in
      let tree = try unsafe Self.lookUpTree(tree, in: repository)
      guard let entry = unsafe git_tree_entry_byname(tree.pointer, name),
        TreeFile.Mode(rawValue: unsafe git_tree_entry_filemode(entry).rawValue) != nil,
        let id = unsafe git_tree_entry_id(entry)?.pointee
      else { return false }
      return try unsafe Self.size(of: ObjectID(id), in: repository) <= limit
    }
  }

  private static func file(
    _ path: RepositoryPath, in treeID: ObjectID, of repository: OpaquePointer
  ) throws(GitError) -> TreeFile? {
    let tree = try unsafe lookUpTree(treeID, in: repository)
    for folder in path.ancestors {
      if let mode = unsafe mode(of: folder, in: tree.pointer), mode != GIT_FILEMODE_TREE.rawValue {
        throw GitError(.badPath, "\(folder) is no folder, so \(path) cannot be in it")
      }
    }
    guard let mode = unsafe mode(of: path.text, in: tree.pointer) else { return nil }
    guard let fileMode = TreeFile.Mode(rawValue: mode) else {
      throw GitError(.badPath, "\(path) is no regular file (mode \(modeText(mode)))")
    }
    let entry = try unsafe GitHandle("find \(path)", free: git_tree_entry_free) {
      unsafe git_tree_entry_bypath(&$0, tree.pointer, path.text)
    }
    let blob = try unsafe GitHandle("read \(path)", free: git_blob_free) {
      unsafe git_blob_lookup(&$0, repository, git_tree_entry_id(entry.pointer))
    }
    let bytes = unsafe UnsafeRawBufferPointer(
      start: git_blob_rawcontent(blob.pointer), count: Int(git_blob_rawsize(blob.pointer)))
    return unsafe TreeFile(Array(bytes), mode: fileMode)
  }

  private static func mode(of path: String, in tree: OpaquePointer) -> UInt32? {
    var entry: OpaquePointer?
    guard unsafe git_tree_entry_bypath(&entry, tree, path) == 0 else { return nil }
    defer { unsafe git_tree_entry_free(entry) }
    return unsafe git_tree_entry_filemode(entry).rawValue
  }

  /// A tree with some files put in or taken out; nil makes a tree of these files alone.
  package func makeTree(
    from base: ObjectID?, changes: [(path: RepositoryPath, file: TreeFile?)]
  ) throws(GitError) -> ObjectID {
    try makeTree(
      from: base, updates: changes.map { path, file in file.map { .write(path.text, $0) } ?? .remove(path.text) })
  }

  /// The tree that a unified diff makes of another, without touching the work tree.
  ///
  /// - Throws: `PatchError` when the diff cannot be read or does not fit, `GitError` when git refuses.
  package func apply(patch: String, to tree: ObjectID) throws -> ObjectID {
    let diff = try UnifiedDiffParser.parse(patch)
    let changes = try PatchApplier.apply(diff) { path in
      do { return try self.file(path, in: tree) } catch let error as GitError where error.code == .badPath {
        throw PatchError(.badPath, error.message)
      }
    }
    return try makeTree(from: tree, changes: changes)
  }
}
