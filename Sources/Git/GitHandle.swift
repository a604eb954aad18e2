import CGit2

/// Owns an object of libgit2 and frees it once.
///
/// Used on one thread only.
@safe struct GitHandle: ~Copyable {
  let pointer: OpaquePointer
  private let free: (OpaquePointer?) -> Void

  /// Makes an object by a call that puts it into its parameter.
  init(
    _ operation: String, free: @escaping (OpaquePointer?) -> Void, _ make: (inout OpaquePointer?) -> Int32
  ) throws(GitError) {
    var result: OpaquePointer?
    try git(operation) { unsafe make(&result) }
    guard let result = unsafe result else { throw GitError(.failed, "cannot \(operation): nothing was made") }
    unsafe pointer = result
    unsafe self.free = free
  }

  deinit { unsafe free(pointer) }
}
