import CPlatform
import Glibc
package import Platform

/// A program in its sandbox with a terminal of its own (pty(7)), of which this is the primary side.
///
/// Its one owner reads and writes `descriptor`, and calls `finish` once, when `processDescriptor` has become readable.
package final class SandboxTerminal: Sendable {
  /// The primary side, non-blocking: what the program writes is read from it.
  package var descriptor: Int32 { child.terminal }
  /// Readable when the program and all that it started have ended (pidfd_open(2)).
  package var processDescriptor: Int32 { child.pidfd }
  private let child: cplatform_sandboxed
  private let begun = MonotonicClock.nanoseconds

  /// Starts a program; blocks for some milliseconds.
  ///
  /// - Throws: `SandboxError.notStarted` that names the step that failed.
  init(_ policy: SandboxPolicy, size: TerminalSize, features: SandboxFeatures) throws(SandboxError) {
    child = try StartedSandbox.spawn(policy, features, (-1, -1, -1), terminal: size)
    let flags = fcntl(child.terminal, F_GETFL)
    _ = fcntl(child.terminal, F_SETFL, flags | O_NONBLOCK)
  }

  /// Writes what is typed; returns how many bytes the terminal has taken, 0 when it takes none now.
  package func write(_ bytes: ArraySlice<UInt8>) -> Int {
    while true {
      let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count >= 0 { return count }
      guard errno == EINTR else { return 0 }
    }
  }

  /// Sets the size; the programs in the foreground get SIGWINCH.
  ///
  /// - Throws: `SystemError`.
  package func resize(_ size: TerminalSize) throws(SystemError) {
    let code = cplatform_resize_terminal(descriptor, size.columns, size.rows)
    guard code == 0 else { throw SystemError(code: code, operation: "resize a terminal") }
  }

  /// Sends SIGINT to the process group in the foreground, whatever the modes of the terminal are: a program that takes
  /// Ctrl-C for a key is interrupted, too.
  ///
  /// - Throws: `SystemError`.
  package func interrupt() throws(SystemError) {
    let code = cplatform_signal_terminal(descriptor, SIGINT)
    guard code == 0 else { throw SystemError(code: code, operation: "interrupt a terminal") }
  }

  /// Ends all of it now; `processDescriptor` becomes readable soon.
  package func end() {
    var child = child
    _ = unsafe cplatform_sandbox_end(&child)
  }

  /// Reaps it and closes all descriptors; called once, and blocks unless `processDescriptor` is readable.
  package func finish() -> SandboxResult {
    var child = child
    var how = cplatform_sandbox_result()
    close(child.terminal)
    _ = unsafe cplatform_sandbox_finish(&child, &how)
    return SandboxResult(how, features: SandboxFeatures(rawValue: child.features), begun: begun)
  }
}
