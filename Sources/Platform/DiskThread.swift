/// A thread for what may wait: moving and removing folders, the agents' memory files, the database's log.
///
/// Handlers run on event loops, which must not wait for a disk.
package actor DiskThread {
  /// The thread.
  package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }
  private nonisolated let executor: ThreadExecutor

  /// Starts the thread; with a `niceness` above 0 the other threads go first.
  package init(name: String = "disk", niceness: Int32 = 0) throws(SystemError) {
    executor = try ThreadExecutor(name: name, niceness: niceness)
  }

  deinit { executor.stop() }

  /// Runs `body` on the thread.
  package func run<T: Sendable>(_ body: @Sendable () throws -> T) rethrows -> T { try body() }
}
