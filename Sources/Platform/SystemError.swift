import Glibc

/// A system call that failed.
package struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The `errno` it left, see errno(3).
  package let code: Int32
  /// What was being done, for a person: 'bind to 127.0.0.1:80'.
  package let operation: String

  /// An error with that number.
  package init(code: Int32, operation: String) {
    self.code = code
    self.operation = operation
  }

  /// The error that the calling thread's last system call left in `errno`.
  package static func last(_ operation: String) -> SystemError { SystemError(code: errno, operation: operation) }

  /// One sentence: what was being done and what the system said.
  package var description: String {
    let reason = unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
    return "cannot \(operation): \(reason.lowercased())"
  }
}
