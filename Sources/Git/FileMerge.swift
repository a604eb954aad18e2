import CGit2

/// A three-way merge of one file's lines.
enum FileMerge {
  /// The merged content; nil when both sides changed the same lines in different ways, or one side is not text.
  static func merge(
    _ base: git_oid, _ ours: git_oid, _ theirs: git_oid, in repository: OpaquePointer
  ) throws(GitError) -> [UInt8]? {
    let contents = try unsafe (
      content(of: base, in: repository), content(of: ours, in: repository), content(of: theirs, in: repository)
    )
    guard !isBinary(contents.0), !isBinary(contents.1), !isBinary(contents.2) else { return nil }
    var result = unsafe git_merge_file_result()
    defer { unsafe git_merge_file_result_free(&result) }
    // The inputs point into the three buffers, so these must stay where they are until the call returns.
    let status = unsafe contents.0.withUnsafeBytes { base in
      unsafe contents.1.withUnsafeBytes { ours in
        unsafe contents.2.withUnsafeBytes { theirs in
          var inputs = unsafe (input(base), input(ours), input(theirs))
          return unsafe git_merge_file(&result, &inputs.0, &inputs.1, &inputs.2, nil)
        }
      }
    }
    try git("merge a file") { status }
    guard unsafe result.automergeable != 0 else { return nil }
    return unsafe Array(UnsafeRawBufferPointer(start: result.ptr, count: result.len))
  }

  private static func input(_ bytes: UnsafeRawBufferPointer) -> git_merge_file_input {
    var input = unsafe git_merge_file_input()
    unsafe git_merge_file_input_init(&input, UInt32(GIT_MERGE_FILE_INPUT_VERSION))
    unsafe input.ptr = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
    unsafe input.size = bytes.count
    return unsafe input
  }

  /// The bytes of a blob.
  static func content(of blob: git_oid, in repository: OpaquePointer) throws(GitError) -> [UInt8] {
    var id = blob
    let blob = try unsafe GitHandle("read a file", free: git_blob_free) { unsafe git_blob_lookup(&$0, repository, &id) }
    return unsafe Array(
      UnsafeRawBufferPointer(
        start: git_blob_rawcontent(blob.pointer), count: Int(git_blob_rawsize(blob.pointer))))
  }

  /// Whether git takes a content for binary: a NUL among its first 8000 bytes.
  static func isBinary(_ content: [UInt8]) -> Bool { content.prefix(8000).contains(0) }
}
