import CPlatform
import Glibc

/// A count that threads wait for (sem_overview(7)); only for threads that may block.
@safe package final class ThreadSemaphore: Sendable {
  // Not checked by the compiler: a POSIX semaphore is made for use by many threads.
  private nonisolated(unsafe) let semaphore: UnsafeMutablePointer<sem_t>

  /// A semaphore at zero.
  package init() throws(SystemError) {
    unsafe semaphore = .allocate(capacity: 1)
    unsafe semaphore.initialize(to: sem_t())
    guard unsafe sem_init(semaphore, 0, 0) == 0 else { throw .last("make a semaphore") }
  }

  deinit {
    unsafe sem_destroy(semaphore)
    unsafe semaphore.deallocate()
  }

  /// Adds one, and wakes one of those who wait.
  package func post() { unsafe sem_post(semaphore) }

  /// Waits until the count is above zero, and takes one.
  package func wait() { while unsafe sem_wait(semaphore) != 0 {} }

  /// Waits at most so many nanoseconds; false when they are over.
  package func wait(nanoseconds: Int) -> Bool {
    unsafe cplatform_semaphore_wait(semaphore, Int64(nanoseconds)) == 0
  }
}
