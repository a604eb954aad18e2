import CGit2

/// One file that differs between two trees.
package struct ChangedFile: Hashable, Sendable {
  /// How it differs.
  package enum Kind: String, Sendable { case added, deleted, modified, renamed }

  /// The path before; the same as after unless it was renamed.
  package let oldPath: String
  /// The path after.
  package let path: String
  /// How it differs.
  package let kind: Kind
}

/// How a change to one tree fits another.
package enum MergeResult: Hashable, Sendable {
  /// Both sides go together into this tree.
  case clean(ObjectID)
  /// Both sides changed these paths in different ways.
  case conflicting([String])
}

extension Repository {
  /// The difference of two trees as a unified diff in git's own form, with renames found.
  package func diff(from old: ObjectID?, to new: ObjectID) throws(GitError) -> (text: String, files: [ChangedFile]) {
    try unsafe withHandle { repository throws(GitError) in
      let diff = try unsafe Self.compare(old, new, in: repository)
      try git("find renames") { unsafe git_diff_find_similar(diff.pointer, nil) }
      return try unsafe (Self.text(of: diff.pointer), Self.files(of: diff.pointer))
    }
  }

  private static func compare(
    _ old: ObjectID?, _ new: ObjectID, in repository: OpaquePointer
  ) throws(GitError) -> GitHandle {
    var options = unsafe git_diff_options()
    unsafe git_diff_options_init(&options, UInt32(GIT_DIFF_OPTIONS_VERSION))
    let newTree = try unsafe lookUpTree(new, in: repository)
    guard let old else {
      return try unsafe GitHandle("compare two trees", free: git_diff_free) {
        unsafe git_diff_tree_to_tree(&$0, repository, nil, newTree.pointer, &options)
      }
    }
    let oldTree = try unsafe lookUpTree(old, in: repository)
    return try unsafe GitHandle("compare two trees", free: git_diff_free) {
      unsafe git_diff_tree_to_tree(&$0, repository, oldTree.pointer, newTree.pointer, &options)
    }
  }

  private static func text(of diff: OpaquePointer) throws(GitError) -> String {
    var buffer = unsafe git_buf()
    defer { unsafe git_buf_dispose(&buffer) }
    try git("write a diff") { unsafe git_diff_to_buf(&buffer, diff, GIT_DIFF_FORMAT_PATCH) }
    return unsafe String(decoding: UnsafeRawBufferPointer(start: buffer.ptr, count: buffer.size), as: UTF8.self)
  }

  private static func files(of diff: OpaquePointer) -> [ChangedFile] {
    (0..<(unsafe git_diff_num_deltas(diff))).compactMap { index in
      guard let delta = unsafe git_diff_get_delta(diff, index)?.pointee,
        let old = unsafe delta.old_file.path, let new = unsafe delta.new_file.path
      else { return nil }
      let kind: ChangedFile.Kind =
        switch unsafe delta.status {
        case GIT_DELTA_ADDED: .added
        case GIT_DELTA_DELETED: .deleted
        case GIT_DELTA_RENAMED: .renamed
        default: .modified
        }
      return unsafe ChangedFile(oldPath: String(cString: old), path: String(cString: new), kind: kind)
    }
  }

  /// Brings the changes from `base` to `theirs` together with those from `base` to `ours`, in memory.
  package func merge(base: ObjectID, ours: ObjectID, theirs: ObjectID) throws(GitError) -> MergeResult {
    try unsafe withHandle { repository throws(GitError) in
      let base = try unsafe Self.lookUpTree(base, in: repository)
      let ours = try unsafe Self.lookUpTree(ours, in: repository)
      let theirs = try unsafe Self.lookUpTree(theirs, in: repository)
      let index = try unsafe GitHandle("merge two trees", free: git_index_free) {
        unsafe git_merge_trees(&$0, repository, base.pointer, ours.pointer, theirs.pointer, nil)
      }
      guard unsafe git_index_has_conflicts(index.pointer) != 0 else {
        var id = git_oid()
        try git("write the merged tree") { unsafe git_index_write_tree_to(&id, index.pointer, repository) }
        return .clean(ObjectID(id))
      }
      return .conflicting(try unsafe Self.conflicts(of: index.pointer))
    }
  }

  private static func conflicts(of index: OpaquePointer) throws(GitError) -> [String] {
    let iterator = try unsafe GitHandle("list the conflicts", free: git_index_conflict_iterator_free) {
      unsafe git_index_conflict_iterator_new(&$0, index)
    }
    var paths: Set<String> = []
    var ancestor: UnsafePointer<git_index_entry>?
    var our: UnsafePointer<git_index_entry>?
    var their: UnsafePointer<git_index_entry>?
    while unsafe git_index_conflict_next(&ancestor, &our, &their, iterator.pointer) == 0 {
      let sides = unsafe [ancestor, our, their]
      for index in 0..<(unsafe sides.count) {
        if let path = unsafe sides[index]?.pointee.path { unsafe paths.insert(String(cString: path)) }
      }
    }
    return paths.sorted()
  }
}
