import CGit2

/// What comes of two sides that are brought together.
package enum MergeResult: Hashable, Sendable {
  /// Both sides go together into this tree.
  case clean(ObjectID)
  /// Both sides changed these paths in different ways.
  case conflicting([String])
}

/// How a change to one tree would fit another.
package enum MergeFit: Hashable, Sendable {
  /// It goes in.
  case clean
  /// It is in already.
  case applied
  /// Both sides changed these paths in different ways.
  case conflicting([String])
}

extension Repository {
  /// Brings the changes from `base` to `theirs` together with those from `base` to `ours`, in memory.
  package func merge(base: ObjectID, ours: ObjectID, theirs: ObjectID) throws(GitError) -> MergeResult {
    guard ours != theirs else { return .clean(ours) }
    return try unsafe withHandle { repository throws(GitError) in
      do {
        var merge = unsafe TreeMerge(in: repository, writes: true)
        let tree = try merge.merge(base: base.raw, ours: ours.raw, theirs: theirs.raw)
        guard merge.conflicts.isEmpty else { return .conflicting(merge.conflicts.sorted()) }
        if let tree { return .clean(ObjectID(tree)) }
      } catch let error as GitError { throw error } catch {}
      return try unsafe Self.mergeWhole(base, ours, theirs, in: repository)
    }
  }

  /// How the changes from `base` to `theirs` would fit `ours`; nothing is written.
  package func fit(base: ObjectID, ours: ObjectID, theirs: ObjectID) throws(GitError) -> MergeFit {
    guard ours != theirs else { return .applied }
    return try unsafe withHandle { repository throws(GitError) in
      do {
        var merge = unsafe TreeMerge(in: repository, writes: false)
        _ = try merge.merge(base: base.raw, ours: ours.raw, theirs: theirs.raw)
        guard merge.conflicts.isEmpty else { return .conflicting(merge.conflicts.sorted()) }
        return merge.addsSomething ? .clean : .applied
      } catch let error as GitError { throw error } catch {}
      switch try unsafe Self.mergeWhole(base, ours, theirs, in: repository) {
      case .clean(let tree): return tree == ours ? .applied : .clean
      case .conflicting(let paths): return .conflicting(paths)
      }
    }
  }

  private static func mergeWhole(
    _ base: ObjectID, _ ours: ObjectID, _ theirs: ObjectID, in repository: OpaquePointer
  ) throws(GitError) -> MergeResult {
    let index = try unsafe mergedIndex(base, ours, theirs, in: repository)
    guard unsafe git_index_has_conflicts(index.pointer) != 0 else {
      var id = git_oid()
      try git("write the merged tree") { unsafe git_index_write_tree_to(&id, index.pointer, repository) }
      return .clean(ObjectID(id))
    }
    var paths: Set<String> = []
    try unsafe eachConflict(of: index.pointer) { entries in paths.formUnion(entries.compactMap { $0?.path }) }
    return .conflicting(paths.sorted())
  }

  private static func mergedIndex(
    _ base: ObjectID, _ ours: ObjectID, _ theirs: ObjectID, in repository: OpaquePointer
  ) throws(GitError) -> GitHandle {
    let base = try unsafe lookUpTree(base, in: repository)
    let ours = try unsafe lookUpTree(ours, in: repository)
    let theirs = try unsafe lookUpTree(theirs, in: repository)
    return try unsafe GitHandle("merge two trees", free: git_index_free) {
      unsafe git_merge_trees(&$0, repository, base.pointer, ours.pointer, theirs.pointer, nil)
    }
  }

  /// One side of a conflict as the index has it.
  private struct ConflictEntry {
    let path: String
    let id: git_oid
    let isFile: Bool
  }

  /// Calls `body` with base, ours and theirs of each conflict.
  private static func eachConflict(
    of index: OpaquePointer, _ body: ([ConflictEntry?]) throws(GitError) -> Void
  ) throws(GitError) {
    let iterator = try unsafe GitHandle("list the conflicts", free: git_index_conflict_iterator_free) {
      unsafe git_index_conflict_iterator_new(&$0, index)
    }
    func read(_ entry: UnsafePointer<git_index_entry>?) -> ConflictEntry? {
      guard let entry = unsafe entry?.pointee else { return nil }
      let kind = unsafe entry.mode & 0o170000
      return unsafe ConflictEntry(path: String(cString: entry.path), id: entry.id, isFile: kind == 0o100000)
    }
    var base: UnsafePointer<git_index_entry>?
    var ours: UnsafePointer<git_index_entry>?
    var theirs: UnsafePointer<git_index_entry>?
    while unsafe git_index_conflict_next(&base, &ours, &theirs, iterator.pointer) == 0 {
      try body([unsafe read(base), unsafe read(ours), unsafe read(theirs)])
    }
  }

  /// Each place at which the changes from `base` to `theirs` and those from `base` to `ours` do not go together.
  package func conflicts(base: ObjectID, ours: ObjectID, theirs: ObjectID) throws(GitError) -> [MergeConflict] {
    try unsafe withHandle { repository throws(GitError) in
      let index = try unsafe Self.mergedIndex(base, ours, theirs, in: repository)
      var found: [MergeConflict] = []
      try unsafe Self.eachConflict(of: index.pointer) { entries throws(GitError) in
        found += try unsafe Self.places(entries, in: repository)
      }
      return found.sorted { ($0.path, $0.ours?.start ?? 0) < ($1.path, $1.ours?.start ?? 0) }
    }
  }

  private static func places(
    _ entries: [ConflictEntry?], in repository: OpaquePointer
  ) throws(GitError) -> [MergeConflict] {
    guard let path = (entries[1] ?? entries[2] ?? entries[0])?.path else { return [] }
    var contents: [[UInt8]?] = []
    for entry in entries {
      guard let entry, entry.isFile else {
        contents.append(nil)
        continue
      }
      contents.append(try unsafe FileMerge.content(of: entry.id, in: repository))
    }
    let isBinary = contents.contains { $0.map(FileMerge.isBinary) == true }
    if let base = contents[0], let ours = contents[1], let theirs = contents[2], !isBinary {
      let places = MergeConflict.find(
        path: path, base: FileLines(base), ours: (FileLines(ours), try LineDiff.changes(from: base, to: ours)),
        theirs: (FileLines(theirs), try LineDiff.changes(from: base, to: theirs)))
      if !places.isEmpty { return places }
    }
    let kind: MergeConflict.Kind =
      switch (entries[0] != nil, entries[1] != nil, entries[2] != nil) {
      case _ where isBinary: .binary
      case (false, true, true): .bothAdded
      case (true, false, true): .deletedByUs
      case (true, true, false): .deletedByThem
      default: .structure
      }
    func whole(_ content: [UInt8]?) -> MergeConflict.Side? {
      guard let content else { return nil }
      guard !isBinary else { return MergeConflict.Side(start: 1, count: 0, text: "") }
      let lines = FileLines(content)
      return lines.side(0..<lines.lines.count)
    }
    return [
      MergeConflict(
        path: path, kind: kind, base: whole(contents[0]), ours: whole(contents[1]), theirs: whole(contents[2]))
    ]
  }
}
