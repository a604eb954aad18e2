import CPlatform
import Glibc

/// A file descriptor with one owner, closed exactly once, when its owner lets go of it.
package struct OwnedDescriptor: ~Copyable, Sendable {
  /// The number, valid as long as the owner lives.
  package let number: Int32

  /// Takes ownership of a number that nothing else will close.
  package init(_ number: Int32) { self.number = number }

  /// Gives up ownership: the caller must close the number.
  package consuming func release() -> Int32 {
    let number = number
    discard self
    return number
  }

  deinit { close(number) }
}

extension OwnedDescriptor {
  /// A pipe (pipe2(2)): what is written to the second end is read from the first.
  ///
  /// Both close at exec.
  ///
  /// The caller owns both numbers. A write to a pipe that nobody reads is an error from then on, and no signal.
  package static func pipe() throws(SystemError) -> (read: Int32, write: Int32) {
    signal(SIGPIPE, SIG_IGN)
    var ends: [Int32] = [-1, -1]
    guard unsafe cplatform_pipe(&ends) == 0 else { throw .last("make a pipe") }
    return (ends[0], ends[1])
  }

  /// Opens a file below a folder for reading, where no part of its path below the folder is a link (openat2(2)).
  ///
  /// - Throws: `SystemError`.
  package static func open(_ path: String, below folder: String) throws(SystemError) -> OwnedDescriptor {
    let number = unsafe cplatform_open_beneath(folder, path)
    guard number >= 0 else { throw .last("open \(path)") }
    return OwnedDescriptor(number)
  }

  /// Makes reads and writes return at once, with `EAGAIN` when they would wait.
  package borrowing func setNonBlocking() {
    let flags = fcntl(number, F_GETFL)
    _ = fcntl(number, F_SETFL, flags | O_NONBLOCK)
  }
}

/// Carries a value that cannot be copied, or is not `Sendable`, into a task that becomes its only user.
package final class Handoff<Value: ~Copyable>: @unchecked Sendable {
  // Unchecked: the value is put in once before the object is shared and taken out once by its only receiver.
  private var value: Value?

  /// Holds the value until it is taken.
  package init(_ value: consuming Value) { self.value = consume value }

  /// The value; nil for every later call.
  package func take() -> Value? { value.take() }
}
