import CPlatform
import Glibc

/// Waits for the signals that ask a daemon to stop: SIGTERM and SIGINT (signal(7)), read from a signalfd(2).
package struct StopSignals: ~Copyable, Sendable {
  private let descriptor: OwnedDescriptor

  /// Blocks the two signals for this thread and all that it will start; SIGPIPE is ignored from now on.
  ///
  /// Must be called first thing in a program, before it has other threads.
  package init() throws(SystemError) {
    signal(SIGPIPE, SIG_IGN)
    var set = sigset_t()
    unsafe sigemptyset(&set)
    unsafe sigaddset(&set, SIGTERM)
    unsafe sigaddset(&set, SIGINT)
    unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    let number = unsafe signalfd(-1, &set, Int32(SFD_CLOEXEC))
    guard number >= 0 else { throw .last("make a signalfd") }
    descriptor = OwnedDescriptor(number)
  }

  /// The number of the next such signal; blocks the calling thread until one comes.
  package borrowing func next() -> Int32 {
    var information = signalfd_siginfo()
    while true {
      let count = unsafe read(descriptor.number, &information, MemoryLayout<signalfd_siginfo>.size)
      if count == MemoryLayout<signalfd_siginfo>.size { return Int32(information.ssi_signo) }
    }
  }
}
