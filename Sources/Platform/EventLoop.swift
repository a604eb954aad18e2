import CPlatform
import Glibc
import Synchronization

/// One thread with one epoll set (epoll(7)) and one queue of jobs.
///
/// A serial executor: actors that name it as theirs run on its thread only, next to the descriptors they own, so that a
/// request that does not wait never leaves the thread. It is not a task executor itself: one object that is both
/// re-enqueues every call between actors of one loop. But a continuation resumes its task on the task's preferred
/// executor, and without one on the global pool, which costs two changes of thread for each wait: so tasks that serve
/// connections are started with `taskExecutor`, which feeds the same thread. Such a task, and any that comes from
/// elsewhere, may be queued anew between its call of `withCheckedContinuation` and the closure: an actor on a loop
/// looks within the closure whether what is waited for is there already, else its waking is lost.
///
/// Descriptors are watched edge-triggered for as long as they are registered. Epoll's user data carries the id of the
/// registration beside the number, so that an event that was queued for a closed descriptor is not taken for its
/// successor's.
package final class EventLoop: SerialExecutor, Sendable {
  private struct Shared {
    var jobs: [UnownedJob] = []
    var isStopping = false
  }

  private let shared = Mutex(Shared())
  private let thread = Atomic<Int32>(0)
  private let epoll: Int32
  private let wakeup: Int32
  private let loopTaskExecutor = LoopTaskExecutor()
  /// Tells the loops of the process apart.
  package let number = nextNumber.wrappingAdd(1, ordering: .relaxed).oldValue
  private static let nextNumber = Atomic(0)
  /// How long each turn took, from the return of epoll_wait to its next call: what arrives meanwhile waits.
  package let turns = Histogram()
  // Checked neither by the compiler nor at each access: touched only by the loop's own thread, see `checkIsolated`, and
  // no access lasts while anything else runs.
  @exclusivity(unchecked) private nonisolated(unsafe) var local = EventLoopState()

  /// Starts the thread of a new loop.
  ///
  /// - Throws: `SystemError` when the system has no descriptors or threads left.
  package init(name: String) throws(SystemError) {
    epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
    guard epoll >= 0 else { throw .last("make an epoll set") }
    wakeup = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
    guard wakeup >= 0 else { throw .last("make an eventfd") }
    var event = unsafe epoll_event(events: EPOLLIN.rawValue, data: epoll_data(u64: EventLoopState.wakeupKey))
    guard unsafe epoll_ctl(epoll, EPOLL_CTL_ADD, wakeup, &event) == 0 else { throw .last("watch an eventfd") }
    unsafe loopTaskExecutor.loop = self
    try startThread(named: name) { self.run() }
  }

  deinit {
    close(epoll)
    close(wakeup)
    unsafe local.scratch.deallocate()
  }

  /// Whether the caller runs on the loop's thread.
  package var isCurrent: Bool { thread.load(ordering: .relaxed) == cplatform_thread_id() }

  /// Queues a job; called by the Swift runtime.
  package func enqueue(_ job: consuming ExecutorJob) {
    add(UnownedJob(job))
  }

  /// The executor that tasks on this loop are to prefer, so that they come back to its thread after a wait.
  package var taskExecutor: any TaskExecutor { loopTaskExecutor }

  /// Queues a job from any thread.
  fileprivate func add(_ job: UnownedJob) {
    if isCurrent {
      unsafe local.jobs.append(job)
      return
    }
    // Woken within the lock, without which the job is not taken: it may be what lets go of this loop, whose descriptor
    // could be somebody else's afterwards.
    shared.withLock { shared in
      shared.jobs.append(job)
      if shared.jobs.count == 1 { eventfd_write(wakeup, 1) }
    }
  }

  /// Traps when the caller is not on the loop's thread; called by `assumeIsolated`.
  package func checkIsolated() { precondition(isCurrent, "not on this event loop's thread") }

  /// Whether the caller is on the loop's thread; called by the Swift runtime.
  package func isIsolatingCurrentContext() -> Bool? { isCurrent }

  /// Runs at once what is isolated to an actor of this loop; must be called on the loop's thread.
  ///
  /// `Actor.assumeIsolated` without the runtime's look for the executor, which outside of a task takes as long as the
  /// reading of a short request: an isolated parameter has no form of its own when the program runs.
  package func run<A: Actor, Result>(on actor: A, _ body: (isolated A) -> Result) -> Result {
    checkIsolated()
    return withoutActuallyEscaping(body) { body in unsafe unsafeBitCast(body, to: ((A) -> Result).self)(actor) }
  }

  /// Ends the thread once its queue is empty.
  ///
  /// What still waits for its descriptors is never resumed.
  package func stop() {
    shared.withLock { $0.isStopping = true }
    eventfd_write(wakeup, 1)
  }

  /// Watches a descriptor until `unregister`; the handler is called on the loop's thread.
  ///
  /// Must be called on the loop's thread. `descriptor` must be non-blocking and stay open while it is registered.
  package func register(_ descriptor: Int32, _ handler: any EventHandler) throws(SystemError) {
    checkIsolated()
    let key = unsafe local.add(descriptor, handler)
    let events = EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue
    var event = unsafe epoll_event(events: events, data: epoll_data(u64: key))
    guard unsafe epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0 else {
      unsafe local.remove(descriptor)
      throw .last("watch a descriptor")
    }
  }

  /// Ends watching; must be called on the loop's thread, before the descriptor is closed.
  package func unregister(_ descriptor: Int32) {
    checkIsolated()
    unsafe local.remove(descriptor)
    var event = unsafe epoll_event()
    _ = unsafe epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, &event)
  }

  /// The `Date` field's value for this second, made once a second; must be called on the loop's thread.
  package var httpDate: [UInt8] { unsafe local.httpDate }

  /// Reads once from a descriptor (read(2)) into room that the loop lends; must be called on the loop's thread.
  ///
  /// Returns the count of bytes, 0 at the end, or a negative `errno`; `body` gets the bytes when there are any.
  package func read(_ descriptor: Int32, _ body: (UnsafeRawBufferPointer) -> Void) -> Int {
    let scratch = unsafe local.scratch
    return unsafe lend(Glibc.read(descriptor, scratch.baseAddress, scratch.count), of: scratch, body)
  }

  /// Reads once from a socket (recv(2)), which takes a shorter way through the kernel; otherwise like `read`.
  package func receive(_ socket: Int32, _ body: (UnsafeRawBufferPointer) -> Void) -> Int {
    let scratch = unsafe local.scratch
    return unsafe lend(cplatform_receive(socket, scratch.baseAddress, scratch.count), of: scratch, body)
  }

  private func lend(
    _ count: Int, of scratch: UnsafeMutableRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void
  ) -> Int {
    guard count > 0 else { return count < 0 ? -Int(errno) : 0 }
    unsafe body(UnsafeRawBufferPointer(rebasing: scratch[..<count]))
    return count
  }

  /// Lets the loop look at its descriptors and run other jobs before the caller goes on; called on the loop's thread.
  package func yield() async {
    checkIsolated()
    unsafe await withUnsafeContinuation { unsafe local.yielding.append($0) }
  }

  /// How many bytes one `read` takes at the most.
  package static var readSize: Int { 64 * 1024 }

  private func run() {
    thread.store(cplatform_thread_id(), ordering: .relaxed)
    let executor = loopTaskExecutor
    var events = unsafe [epoll_event](repeating: epoll_event(), count: 256)
    var begun = MonotonicClock.nanoseconds
    while true {
      let isStopping = shared.withLock { shared -> Bool in
        unsafe local.jobs.append(contentsOf: shared.jobs)
        shared.jobs.removeAll(keepingCapacity: true)
        return shared.isStopping
      }
      let yielding = unsafe local.takeYielding()
      for index in 0..<(unsafe yielding.count) { unsafe yielding[index].resume() }
      let batch = unsafe local.takeJobs()
      for job in batch { run(job, as: executor) }
      unsafe local.recycle(batch)
      if unsafe isStopping && local.jobs.isEmpty { return }
      turns.observe(nanoseconds: MonotonicClock.nanoseconds - begun)
      let count = unsafe epoll_wait(epoll, &events, Int32(events.count), local.waitTimeout)
      begun = MonotonicClock.nanoseconds
      for index in 0..<max(0, Int(count)) { unsafe handle(events[index]) }
      for handler in unsafe local.handlersDue() { handler.tick(ContinuousClock.now) }
    }
  }

  /// Runs a job as one of this thread in both its roles: a job of a task that prefers it may enter the loop's actors,
  /// and a job of an actor may call what has no actor, without another turn in the queue.
  private func run(_ job: UnownedJob, as executor: LoopTaskExecutor) {
    unsafe job.runSynchronously(isolatedTo: asUnownedSerialExecutor(), taskExecutor: executor.asUnownedTaskExecutor())
  }

  private func handle(_ event: epoll_event) {
    let key = unsafe event.data.u64
    guard key != EventLoopState.wakeupKey else {
      var value: eventfd_t = 0
      _ = unsafe eventfd_read(wakeup, &value)
      return
    }
    unsafe local.handler(for: key)?.ready(Readiness(rawValue: event.events))
  }
}

/// Feeds the jobs of tasks to an event loop's thread; one for each loop, which outlives it.
final class LoopTaskExecutor: TaskExecutor, Sendable {
  // Set once, before the loop's thread starts; weak references would cost an atomic operation for each job.
  nonisolated(unsafe) unowned var loop: EventLoop?

  func enqueue(_ job: consuming ExecutorJob) { unsafe loop?.add(UnownedJob(job)) }
}
