import CGit2

/// The lines in which two texts differ, by git's own algorithm.
enum LineDiff {
  /// The changes in order, without context.
  static func changes(from old: [UInt8], to new: [UInt8]) throws(GitError) -> [LineChange] {
    var options = unsafe git_diff_options()
    unsafe git_diff_options_init(&options, UInt32(GIT_DIFF_OPTIONS_VERSION))
    unsafe options.context_lines = 0
    var result: Result<[LineChange], GitError> = .success([])
    // The patch keeps pointing into both buffers.
    unsafe old.withUnsafeBytes { old in
      unsafe new.withUnsafeBytes { new in
        result = Result { () throws(GitError) in try unsafe Self.changes(old, new, &options) }
      }
    }
    return try result.get()
  }

  private static func changes(
    _ old: UnsafeRawBufferPointer, _ new: UnsafeRawBufferPointer, _ options: inout git_diff_options
  ) throws(GitError) -> [LineChange] {
    let patch = try unsafe GitHandle("compare two files", free: git_patch_free) {
      unsafe git_patch_from_buffers(&$0, old.baseAddress, old.count, "a", new.baseAddress, new.count, "a", &options)
    }
    return try unsafe hunks(of: patch.pointer).map { hunk in
      LineChange(
        old: range(Int(hunk.old_start), Int(hunk.old_lines)),
        new: range(Int(hunk.new_start), Int(hunk.new_lines)))
    }
  }

  /// The hunks of a patch.
  static func hunks(of patch: OpaquePointer) throws(GitError) -> [git_diff_hunk] {
    var hunks: [git_diff_hunk] = []
    for index in 0..<(unsafe git_patch_num_hunks(patch)) {
      var hunk: UnsafePointer<git_diff_hunk>?
      try git("read a hunk") { unsafe git_patch_get_hunk(&hunk, nil, patch, index) }
      if let hunk = unsafe hunk?.pointee { hunks.append(hunk) }
    }
    return hunks
  }

  /// Lines from 0 of a hunk header's numbers: without lines, the start is the line before.
  static func range(_ start: Int, _ count: Int) -> Range<Int> {
    let first = count == 0 ? start : max(0, start - 1)
    return first..<(first + count)
  }
}
