import CGit2

/// Why something could not be done with a repository.
package struct GitError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What kind of fault it is.
  package enum Code: String, Sendable {
    /// There is no such commit, branch, file or repository.
    case notFound
    /// The branch is not where it was expected to be.
    case moved
    /// A path must not stand in a repository.
    case badPath
    /// libgit2 or the file system refused.
    case failed
  }

  /// The kind.
  package let code: Code
  /// One sentence: what was wanted, what was found.
  package let message: String

  /// An error of that kind.
  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// The sentence.
  package var description: String { message }
}

/// Runs one libgit2 call and turns a negative status into a `GitError`.
///
/// libgit2 keeps its last error for each thread, so it is read here, before anything else runs on this one.
@discardableResult
func git(_ operation: String, _ call: () -> Int32) throws(GitError) -> Int32 {
  let status = call()
  guard status < 0 else { return status }
  let reason = unsafe git_error_last().map { unsafe String(cString: $0.pointee.message) } ?? "error \(status)"
  let code: GitError.Code =
    switch status {
    case GIT_ENOTFOUND.rawValue: .notFound
    case GIT_EMODIFIED.rawValue, GIT_EEXISTS.rawValue: .moved
    default: .failed
    }
  throw GitError(code, "cannot \(operation): \(reason)")
}
