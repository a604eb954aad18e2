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

/// A file that differs between two trees, with the places where it does.
package struct FileChange: Hashable, Sendable {
  /// A changed place.
  package struct Hunk: Hashable, Sendable {
    /// Its place among all hunks of the difference, from 1.
    package let number: Int
    /// The line that begins with `@@`.
    package let header: String
    /// Lines before, from 0.
    let old: Range<Int>
    /// Lines after, from 0.
    let new: Range<Int>

    /// The number of the first line before, from 1, as the header has it.
    package var oldStart: Int { old.isEmpty ? old.lowerBound : old.lowerBound + 1 }
    /// How many lines it had.
    package var oldLines: Int { old.count }
    /// The number of the first line after.
    package var newStart: Int { new.isEmpty ? new.lowerBound : new.lowerBound + 1 }
    /// How many lines it has.
    package var newLines: Int { new.count }
  }

  /// The file.
  package let file: ChangedFile
  /// Whether its mode is another; that of a file which is not there is 0.
  package let changesMode: Bool
  /// The places; none for a bare rename, a change of mode, an empty or a binary file.
  package let hunks: [Hunk]
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

  /// The paths that differ between two trees, without a look for renames.
  package func changedPaths(from old: ObjectID, to new: ObjectID) throws(GitError) -> [String] {
    try unsafe withHandle { repository throws(GitError) in
      try unsafe TreeDifference(from: old.raw, to: new.raw, in: repository).paths.map {
        String(decoding: $0, as: UTF8.self)
      }
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
    unsafe options.flags |= GIT_DIFF_DISABLE_PATHSPEC_MATCH.rawValue
    let difference = try unsafe TreeDifference(from: old.raw, to: new.raw, in: repository)
    return try unsafe GitHandle("compare two trees", free: git_diff_free) { diff in
      // Names of submodules are taken for patterns all the same: with one of them both trees are compared as a whole.
      unsafe withStringArray(difference.hasSubmodules ? [] : difference.paths) { paths in
        unsafe options.pathspec = paths
        return unsafe git_diff_tree_to_tree(&diff, repository, oldTree.pointer, newTree.pointer, &options)
      }
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

  /// The files that differ between two trees with their hunks, numbered in the order of `diff(from:to:)`.
  package func changes(from old: ObjectID, to new: ObjectID) throws(GitError) -> [FileChange] {
    try unsafe withHandle { repository throws(GitError) in
      let diff = try unsafe Self.compare(old, new, in: repository)
      try git("find renames") { unsafe git_diff_find_similar(diff.pointer, nil) }
      var changes: [FileChange] = []
      var number = 0
      for (index, file) in (unsafe Self.files(of: diff.pointer)).enumerated() {
        var hunks: [FileChange.Hunk] = []
        let patch = try unsafe GitHandle("read a change", free: git_patch_free) {
          unsafe git_patch_from_diff(&$0, diff.pointer, index)
        }
        for hunk in try unsafe LineDiff.hunks(of: patch.pointer) {
          number += 1
          hunks.append(
            FileChange.Hunk(
              number: number, header: Self.header(of: hunk),
              old: LineDiff.range(Int(hunk.old_start), Int(hunk.old_lines)),
              new: LineDiff.range(Int(hunk.new_start), Int(hunk.new_lines))))
        }
        let delta = unsafe git_patch_get_delta(patch.pointer)?.pointee
        let changesMode = unsafe delta.map { unsafe $0.old_file.mode != $0.new_file.mode } ?? false
        changes.append(FileChange(file: file, changesMode: changesMode, hunks: hunks))
      }
      return changes
    }
  }

  private static func header(of hunk: git_diff_hunk) -> String {
    var text = hunk.header
    return unsafe withUnsafeBytes(of: &text) { bytes in
      unsafe String(decoding: bytes.prefix(min(bytes.count, hunk.header_len)).prefix { $0 != 10 }, as: UTF8.self)
    }
  }

  /// The tree that comes of some hunks and some whole files of a change.
  ///
  /// A hunk is taken alone only from a file that keeps its name and mode.
  package func take(
    hunks numbers: Set<Int>, files paths: Set<String>, of changes: [FileChange], from base: ObjectID,
    to proposal: ObjectID
  ) throws -> ObjectID {
    var updates: [TreeUpdate] = []
    for change in changes {
      let (path, old) = (change.file.path, change.file.oldPath)
      let chosen = change.hunks.filter { numbers.contains($0.number) }
      if paths.contains(path) || (!chosen.isEmpty && chosen.count == change.hunks.count) {
        if change.file.kind != .added, old != path || change.file.kind == .deleted { updates.append(.remove(old)) }
        if change.file.kind != .deleted { updates.append(.copy(path, from: proposal)) }
      } else if !chosen.isEmpty {
        guard let before = try file(RepositoryPath(old), in: base),
          let after = try file(RepositoryPath(path), in: proposal)
        else { throw GitError(.notFound, "\(path) is not in both trees") }
        let content = Self.content(of: before, with: chosen, of: after)
        updates.append(.write(path, TreeFile(content, mode: before.mode)))
      }
    }
    return try makeTree(from: base, updates: updates)
  }

  /// A file's lines with those of some hunks in the place of their old ones.
  private static func content(of before: TreeFile, with hunks: [FileChange.Hunk], of after: TreeFile) -> [UInt8] {
    let (old, new) = (FileLines(before.content).lines, FileLines(after.content).lines)
    var content: [UInt8] = []
    var done = 0
    for hunk in hunks {
      content += old[done..<hunk.old.clamped(to: done..<old.count).lowerBound].joined()
      content += new[hunk.new.clamped(to: 0..<new.count)].joined()
      done = hunk.old.clamped(to: done..<old.count).upperBound
    }
    return content + old[done...].joined()
  }
}
