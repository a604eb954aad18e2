import CPlatform
import Glibc

/// What only the thread of an event loop touches: its jobs, its registrations and its clock.
@safe struct EventLoopState {
  private struct Registration {
    let id: UInt32
    let handler: any EventHandler
  }

  /// User data of the loop's own eventfd; no registration has id 0.
  static let wakeupKey: UInt64 = 0

  var jobs: [UnownedJob] = []
  var yielding: [UnsafeContinuation<Void, Never>] = unsafe []
  private var spare: [UnownedJob] = []
  private var registrations: [Registration?] = []
  private var registered = 0
  private var lastID: UInt32 = 0
  /// Room into which descriptors are read before the bytes go to their queue.
  let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 16)
  private var nextTick = Self.monotonicMilliseconds + 1000
  private var dateSecond = -1
  private var date: [UInt8] = []

  mutating func add(_ descriptor: Int32, _ handler: any EventHandler) -> UInt64 {
    lastID = lastID == .max ? 1 : lastID + 1
    while registrations.count <= descriptor { registrations.append(nil) }
    registrations[Int(descriptor)] = Registration(id: lastID, handler: handler)
    registered += 1
    return UInt64(lastID) << 32 | UInt64(descriptor)
  }

  mutating func remove(_ descriptor: Int32) {
    guard Int(descriptor) < registrations.count, registrations[Int(descriptor)] != nil else { return }
    registrations[Int(descriptor)] = nil
    registered -= 1
  }

  func handler(for key: UInt64) -> (any EventHandler)? {
    let descriptor = Int(key & 0xFFFF_FFFF)
    guard descriptor < registrations.count, let registration = registrations[descriptor],
      registration.id == UInt32(key >> 32)
    else { return nil }
    return registration.handler
  }

  /// Queues the tasks that let others go first.
  mutating func takeYielding() -> [UnsafeContinuation<Void, Never>] {
    defer { unsafe yielding = [] }
    return unsafe yielding
  }

  /// The jobs that are queued now; those that they queue wait for the next round, so that events get their turn.
  mutating func takeJobs() -> [UnownedJob] {
    var batch = spare
    spare = []
    swap(&batch, &jobs)
    return batch
  }

  /// Keeps the room of a batch that was run for the next one.
  mutating func recycle(_ batch: consuming [UnownedJob]) {
    batch.removeAll(keepingCapacity: true)
    spare = batch
  }

  /// Milliseconds that epoll may wait: not at all when jobs wait, for ever when nothing is watched.
  var waitTimeout: Int32 {
    guard unsafe jobs.isEmpty && yielding.isEmpty else { return 0 }
    return registered == 0 ? -1 : Int32(max(0, nextTick - Self.monotonicMilliseconds))
  }

  /// The handlers to tick, once a second: cheaper than a timer for each request.
  mutating func handlersDue() -> [any EventHandler] {
    let now = Self.monotonicMilliseconds
    guard now >= nextTick else { return [] }
    nextTick = now + 1000
    return registrations.compactMap { $0?.handler }
  }

  var httpDate: [UInt8] {
    mutating get {
      var now = timespec()
      unsafe clock_gettime(CLOCK_REALTIME_COARSE, &now)
      if now.tv_sec != dateSecond {
        dateSecond = now.tv_sec
        date = Array(Timestamp(microseconds: now.tv_sec * 1_000_000).httpDate.utf8)
      }
      return date
    }
  }

  private static var monotonicMilliseconds: Int {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
    return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
  }
}
