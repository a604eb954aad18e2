import CGit2

/// The difference of two texts as a unified diff.
package enum TextDiff {
  /// A diff of one file with git's header lines; empty when the texts are equal.
  ///
  /// Nil for a side that does not exist.
  ///
  /// - Throws: `GitError` when libgit2 refuses.
  package static func unified(old: String?, new: String?, path: String) throws -> String {
    GitLibrary.start()
    let (oldBytes, newBytes) = (Array((old ?? "").utf8), Array((new ?? "").utf8))
    // The patch keeps pointing into both buffers, so they must stay where they are until it is written.
    let text = try unsafe oldBytes.withUnsafeBytes { oldBuffer in
      try unsafe newBytes.withUnsafeBytes { newBuffer in
        try unsafe Self.text(from: oldBuffer, to: newBuffer, path: path)
      }
    }
    guard let hunks = text.range(of: "@@ ", in: text) else { return "" }
    return "--- \(old == nil ? "/dev/null" : "a/\(path)")\n+++ \(new == nil ? "/dev/null" : "b/\(path)")\n"
      + text[hunks...]
  }

  private static func text(
    from old: UnsafeRawBufferPointer, to new: UnsafeRawBufferPointer, path: String
  ) throws(GitError) -> String {
    let patch = try unsafe GitHandle("compare two texts", free: git_patch_free) {
      unsafe git_patch_from_buffers(&$0, old.baseAddress, old.count, path, new.baseAddress, new.count, path, nil)
    }
    var buffer = unsafe git_buf()
    defer { unsafe git_buf_dispose(&buffer) }
    try git("write a diff") { unsafe git_patch_to_buf(&buffer, patch.pointer) }
    return unsafe String(decoding: UnsafeRawBufferPointer(start: buffer.ptr, count: buffer.size), as: UTF8.self)
  }
}

extension String {
  /// The place at which a line begins with a text.
  fileprivate func range(of beginning: String, in text: String) -> String.Index? {
    var start = text.startIndex
    while start < text.endIndex {
      if text[start...].hasPrefix(beginning) { return start }
      guard let end = text[start...].firstIndex(of: "\n") else { return nil }
      start = text.index(after: end)
    }
    return nil
  }
}
