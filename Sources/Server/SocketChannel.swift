import CPlatform
import Glibc
import HTTP
import Platform

/// Serves what a socket receives in the event loop's own turn, so that the task that waits for it may wait on: to resume
/// a task costs as much as to answer a short request.
protocol ReadAttendant: AnyObject {
  /// Bytes have come: how long the task may wait for more from now on, or nil when it must see to them.
  func attend() -> Duration?
}

/// A connected stream socket that is read and written on one event loop.
///
/// Edge-triggered: the flags remember what epoll said until a call finds that it is no longer so. At most one task
/// waits to read and one to write. Every wait ends by readiness, by its deadline, or by `shutDown`.
@safe final class SocketChannel: EventHandler {
  /// What was received and not yet consumed.
  var inbound = ByteQueue()
  /// How many bytes the system has taken to send.
  private(set) var sentBytes = 0
  private let loop: EventLoop
  private let descriptor: Int32
  private var isReadable = true
  private var isWritable = true
  private var isOpen = false
  private var hasSeenEnd = false
  private var hasTimedOut = false
  private var failure: ConnectionError?
  private var reader: UnsafeContinuation<Void, Never>?
  private var attendant: (any ReadAttendant)?
  private var isReaderCalled = false
  private var writer: UnsafeContinuation<Void, Never>?
  private var isWriting = false
  private var turns: [UnsafeContinuation<Void, Never>] = unsafe []
  private var readTimeout: Duration?
  private var readDeadline: ContinuousClock.Instant?
  private var writeDeadline: ContinuousClock.Instant?

  /// Takes over a non-blocking connected socket, which `close` closes.
  init(_ descriptor: consuming OwnedDescriptor, loop: EventLoop) {
    self.descriptor = descriptor.release()
    self.loop = loop
  }

  /// The other side's address without its port, or an empty text when it is gone already (getpeername(2)).
  var peerAddress: String {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return unsafe withUnsafeMutablePointer(to: &storage) { storage in
      unsafe storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        guard unsafe getpeername(descriptor, address, &length) == 0 else { return "" }
        return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(NI_MAXHOST)) { text in
          let code = unsafe getnameinfo(
            address, length, text.baseAddress, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
          return unsafe code == 0 ? text.baseAddress.map { unsafe String(cString: $0) } ?? "" : ""
        }
      }
    }
  }

  /// Starts watching; on the loop's thread.
  func open() throws(SystemError) {
    try loop.register(descriptor, self)
    isOpen = true
  }

  /// Ends watching and closes the socket; on the loop's thread, after the last call of anything else.
  func close() {
    if isOpen { loop.unregister(descriptor) }
    isOpen = false
    _ = Glibc.close(descriptor)
  }

  /// Appends what the client has sent to `inbound` without waiting: whether bytes came, or nil at the end of what it
  /// sends.
  private func readNow() throws(ConnectionError) -> Bool? {
    while isReadable {
      let count = unsafe loop.receive(descriptor) { unsafe inbound.append($0) }
      if count > 0 {
        // A short read took all there was: the next byte raises the next edge (epoll(7)).
        if count < EventLoop.readSize { isReadable = hasSeenEnd }
        return true
      }
      if count == 0 { return nil }
      guard count == -Int(EAGAIN) || count == -Int(EINTR) else { throw fail(.broken(Int32(-count))) }
      if count == -Int(EAGAIN) { isReadable = false }
    }
    return false
  }

  /// Appends what the client has sent to `inbound`, waiting for it; false at the end of what it sends.
  ///
  /// With an `attendant` that sees to what comes during the wait, true also when it wants the task to go on.
  ///
  /// - Throws: `ConnectionError`; `.interrupted` when it has to wait while `isInterrupted`, which is looked at when the
  ///   wait begins and at each `wakeReader`.
  func fill(
    timeout: Duration?, isInterrupted: (() -> Bool)? = nil, attendant: (any ReadAttendant)? = nil
  ) async throws(ConnectionError) -> Bool {
    // A client that sends a byte now and then never waits long enough for a tick to see its deadline pass.
    if let timeout, timeout <= .zero { throw .timedOut }
    while true {
      if let failure { throw failure }
      guard let isFilled = try readNow() else { return false }
      if isFilled { return true }
      (readTimeout, self.attendant) = (timeout, attendant)
      unsafe await withUnsafeContinuation { continuation in
        if isReadable || failure != nil || hasTimedOut || isInterrupted?() == true {
          unsafe continuation.resume()
        } else {
          unsafe reader = continuation
        }
      }
      (readTimeout, readDeadline, self.attendant) = (nil, nil, nil)
      if isReaderCalled {
        isReaderCalled = false
        return true
      }
      if hasTimedOut {
        hasTimedOut = false
        throw .timedOut
      }
      if isInterrupted?() == true { throw .interrupted }
    }
  }

  /// Writes what the system takes at once, and says how many bytes that were; none while a task writes.
  func writeNow(_ bytes: [UInt8]) throws(ConnectionError) -> Int {
    if let failure { throw failure }
    guard !isWriting else { return 0 }
    let count = send(bytes, from: 0)
    if count < 0, errno != EAGAIN, errno != EINTR { throw fail(.broken(errno)) }
    return max(0, count)
  }

  /// Writes all of the bytes from an offset on, waiting for room.
  ///
  /// Several tasks may write: each one's bytes stay together, in the order of the calls.
  func write(_ bytes: [UInt8], from offset: Int = 0, timeout: Duration) async throws(ConnectionError) {
    await takeTurn()
    defer { endTurn() }
    var written = offset
    while written < bytes.count {
      if let failure { throw failure }
      let count = send(bytes, from: written)
      if count < 0 { try await makeRoom(errno, timeout: timeout) } else { written += count }
    }
  }

  private func send(_ bytes: [UInt8], from offset: Int) -> Int {
    let count = unsafe bytes.withUnsafeBytes {
      unsafe cplatform_send(descriptor, $0.baseAddress?.advanced(by: offset), $0.count - offset)
    }
    sentBytes += max(0, count)
    return count
  }

  /// Writes a part of a file with sendfile(2), waiting for room.
  ///
  /// - Throws: `ConnectionError`, also when the file has become shorter: the length was promised already.
  func sendFile(_ file: Int32, _ range: Range<Int>, timeout: Duration) async throws(ConnectionError) {
    await takeTurn()
    defer { endTurn() }
    var offset = range.lowerBound
    while offset < range.upperBound {
      if let failure { throw failure }
      let count = unsafe sendfile(descriptor, file, &offset, min(range.upperBound - offset, 1 << 20))
      if count == 0 { throw fail(.broken(EIO)) }
      if count < 0 { try await makeRoom(errno, timeout: timeout) } else { sentBytes += count }
      // A file that is in memory would otherwise hold the loop until all of it is out.
      await loop.yield()
    }
  }

  private func takeTurn() async {
    guard isWriting else { return isWriting = true }
    // Who is resumed has the turn already: nobody may come between.
    unsafe await withUnsafeContinuation { continuation in
      if isWriting {
        unsafe turns.append(continuation)
      } else {
        isWriting = true
        unsafe continuation.resume()
      }
    }
  }

  private func endTurn() {
    if unsafe turns.isEmpty { isWriting = false } else { unsafe turns.removeFirst().resume() }
  }

  /// Waits after a write that was refused with this `errno` until another may go further.
  private func makeRoom(_ code: Int32, timeout: Duration) async throws(ConnectionError) {
    guard code == EAGAIN else {
      if code == EINTR { return }
      throw fail(.broken(code))
    }
    isWritable = false
    writeDeadline = ContinuousClock.now.advanced(by: timeout)
    while !isWritable, failure == nil {
      unsafe await withUnsafeContinuation { continuation in
        if isWritable || failure != nil { unsafe continuation.resume() } else { unsafe writer = continuation }
      }
    }
    writeDeadline = nil
  }

  /// Closes the sending half, so that the client sees the end behind the last byte, and reads on for a while: closing
  /// with bytes unread would be a reset, which takes what was sent from the client (RFC 9112 section 9.6).
  func linger() async throws(ConnectionError) {
    _ = shutdown(descriptor, Int32(SHUT_WR))
    let deadline = ContinuousClock.now.advanced(by: .seconds(2))
    var received = inbound.count
    inbound = ByteQueue()
    while received < 1 << 20, try await fill(timeout: ContinuousClock.now.duration(to: deadline)) {
      received += inbound.count
      inbound = ByteQueue()
    }
  }

  /// Lets a task that waits to read look whether it is interrupted.
  func wakeReader() { resumeReader() }

  /// Ends every wait, now and later, with this error.
  func shutDown(_ error: ConnectionError) { _ = fail(error) }

  func ready(_ readiness: Readiness) {
    if readiness.meets(.peerClosed) || readiness.meets(.broken) { hasSeenEnd = true }
    if hasSeenEnd || readiness.meets(.readable) {
      isReadable = true
      if !isAttended() { resumeReader() }
    }
    if readiness.meets(.writable) || readiness.meets(.broken) {
      isWritable = true
      resumeWriter()
    }
  }

  /// Whether what has come was seen to, so that the task that waits may wait on.
  private func isAttended() -> Bool {
    guard unsafe reader != nil, failure == nil, let attendant, let isFilled = try? readNow() else { return false }
    guard isFilled else { return true }
    let timeout = attendant.attend()
    // What was not read yet is no new edge.
    isReaderCalled = timeout == nil || isReadable
    (readTimeout, readDeadline) = (timeout, nil)
    return !isReaderCalled
  }

  func tick(_ now: ContinuousClock.Instant) {
    if let writeDeadline, now >= writeDeadline {
      reset()
      _ = fail(.timedOut)
    }
    // One that was resumed in this turn waits no more.
    guard unsafe reader != nil, let readTimeout else { return }
    // The deadline is set by the first tick of a wait, so that a wait that is short costs no look at the clock.
    guard let readDeadline else { return readDeadline = now.advanced(by: readTimeout) }
    guard now >= readDeadline else { return }
    hasTimedOut = true
    resumeReader()
  }

  /// Lets `close` drop what the client has not taken and tell it so with a reset (SO_LINGER in socket(7)).
  private func reset() {
    var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
    _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
  }

  private func fail(_ error: ConnectionError) -> ConnectionError {
    if failure == nil { failure = error }
    resumeReader()
    resumeWriter()
    return failure ?? error
  }

  private func resumeReader() {
    guard let waiter = unsafe reader else { return }
    unsafe reader = nil
    unsafe waiter.resume()
  }

  private func resumeWriter() {
    guard let waiter = unsafe writer else { return }
    unsafe writer = nil
    unsafe waiter.resume()
  }
}
