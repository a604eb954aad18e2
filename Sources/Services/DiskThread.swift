package import Platform

/// A thread for work on files that may wait: moving and removing folders, the agents' memory files.
///
/// Handlers run on event loops, which must not wait for a disk.
package actor DiskThread {
  /// The thread.
  package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }
  private nonisolated let executor: ThreadExecutor

  /// Starts the thread.
  package init() throws(SystemError) { executor = try ThreadExecutor(name: "disk") }

  deinit { executor.stop() }

  /// Runs `body` on the thread.
  package func run<T: Sendable>(_ body: @Sendable () throws -> T) throws -> T { try body() }
}
