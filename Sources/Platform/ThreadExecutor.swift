import CPlatform
import Glibc
import Synchronization

/// A thread that runs the jobs of the actors that name it as their executor, one after another.
///
/// For calls that block: libgit2, waiting on a pipe. It never runs on an event loop or on Swift's own pool, whose few
/// threads must not wait.
package final class ThreadExecutor: SerialExecutor, Sendable {
  private struct State {
    var jobs: [UnownedJob] = []
    var isStopping = false
  }

  private let state = Mutex(State())
  private let semaphore: ThreadSemaphore

  /// Starts the thread; with a folder it can write files only below that, where the system has Landlock.
  ///
  /// What belongs to a program that nobody trusts may hold links that lead elsewhere. A `niceness` above 0 lets
  /// the other threads go first (setpriority(2)).
  ///
  /// - Throws: `SystemError` when the system has no threads left.
  package init(name: String, writingBelow folder: String? = nil, niceness: Int32 = 0) throws(SystemError) {
    semaphore = try ThreadSemaphore()
    try startThread(named: name) {
      if let folder { _ = unsafe cplatform_confine_writes(folder) }
      // Of the calling thread alone, as Linux has it; one can always be nicer.
      if niceness > 0 { _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, niceness) }
      self.run()
    }
  }

  /// Queues a job; called by the Swift runtime.
  package func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    // Within the lock, without which the job is not taken: it may be what lets go of this executor, and nothing else
    // keeps it for the caller.
    state.withLock { state in
      state.jobs.append(job)
      semaphore.post()
    }
  }

  /// Ends the thread after the jobs that are queued now.
  package func stop() {
    state.withLock { $0.isStopping = true }
    semaphore.post()
  }

  private func run() {
    while true {
      semaphore.wait()
      let (batch, isStopping) = state.withLock { state -> ([UnownedJob], Bool) in
        defer { state.jobs.removeAll(keepingCapacity: true) }
        return (state.jobs, state.isStopping)
      }
      for job in batch { unsafe job.runSynchronously(on: asUnownedSerialExecutor()) }
      if isStopping && batch.isEmpty { return }
    }
  }
}
