import CPlatform
import Glibc

/// Why a child could not be started or talked to.
package struct SandboxError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What kind of fault it is.
  package enum Code: String, Sendable {
    /// It could not be started.
    case notStarted
    /// It ended, or closed its end, before it had answered.
    case ended
    /// It did not answer before the deadline.
    case timedOut
    /// It answered more than is taken.
    case tooMuch
  }

  /// The kind.
  package let code: Code
  /// One sentence: what was wanted, what happened.
  package let message: String

  init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  init(path: String, step: Int32, error: Int32) {
    let name = unsafe cplatform_sandbox_step_name(step).map { unsafe String(cString: $0) } ?? "start it"
    let reason = unsafe strerror(error).map { unsafe String(cString: $0).lowercased() } ?? "error \(error)"
    self.init(.notStarted, "cannot start \(path): cannot \(name): \(reason)")
  }

  /// The sentence.
  package var description: String { message }
}
