import CPlatform
import Glibc

/// Waits for the signals that ask a daemon to stop: SIGTERM and SIGINT (signal(7)).
package struct StopSignals: ~Copyable, Sendable {
  private let descriptor: OwnedDescriptor

  /// Catches the two signals from now on; SIGPIPE is ignored.
  ///
  /// Must be called once, first thing in a program.
  ///
  /// - Throws: `SystemError` when the system has no descriptors left.
  package init() throws(SystemError) {
    let number = cplatform_catch_stop_signals()
    guard number >= 0 else { throw .last("make a pipe") }
    descriptor = OwnedDescriptor(number)
  }

  /// The number of the next such signal; blocks the calling thread until one comes.
  package borrowing func next() -> Int32 {
    var byte: UInt8 = 0
    while unsafe read(descriptor.number, &byte, 1) != 1 {}
    return Int32(byte)
  }
}
