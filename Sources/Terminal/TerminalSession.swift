import Glibc
package import Platform
package import Sandbox
import Synchronization

/// A program on a terminal, and its viewers: reads what it writes into the scrollback, from which each viewer is served.
///
///     running -> the program and all that it started have ended -> ended
///
/// It lives whether anybody watches or not. While every viewer is far behind, the terminal is not read, so that the
/// program waits as at a slow line; without viewers it is read on, and the oldest output is dropped.
package actor TerminalSession {
  /// What a session may use.
  package struct Bounds: Sendable {
    /// Bytes of output that are kept.
    package var scrollback: Int
    /// Without a viewer; then it is ended.
    package var idle: Duration

    /// Bounds of these.
    package init(scrollback: Int, idle: Duration) {
      self.scrollback = scrollback
      self.idle = idle
    }
  }

  private struct Waiter {
    let limit: Int
    let continuation: CheckedContinuation<TerminalDelivery?, Never>
  }

  /// Bytes of input that wait for the program to read them.
  package static let inputLimit = 1 << 20
  /// Bytes that are read in a row, before others get their turn.
  private static let turn = 256 << 10

  /// The loop that watches the terminal.
  package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }
  private nonisolated let loop: EventLoop
  nonisolated let terminal: SandboxTerminal
  private let idleLimit: Duration
  private let window: Int
  /// Its size now.
  package private(set) var size: TerminalSize
  private var scrollback: Scrollback
  private var viewers = TerminalViewers()
  private var waiters: [Int: Waiter] = [:]
  var input: [UInt8] = []
  private var isReadable = true
  private var sleeper: CheckedContinuation<Void, Never>?
  private var lastWatched = ContinuousClock.now
  private var endReason: TerminalEnd.Reason?
  private var endDeadline: ContinuousClock.Instant?
  private var hasEnded = false
  private var isOver = false
  /// Whether nobody waits for its end any more.
  private nonisolated let isAbandoned = Atomic(false)
  private var end: TerminalEnd?
  private var enders: [CheckedContinuation<Void, Never>] = []

  /// A session of a program that was just started; it must be run.
  package init(_ terminal: SandboxTerminal, size: TerminalSize, bounds: Bounds, loop: EventLoop) {
    self.terminal = terminal
    self.size = size
    self.loop = loop
    idleLimit = bounds.idle
    scrollback = Scrollback(capacity: bounds.scrollback)
    window = min(256 << 10, bounds.scrollback / 2)
  }

  /// How many bytes the program has written.
  package var written: Int { scrollback.end }

  /// Reads the terminal until the program has ended, or the task is cancelled; returns how it ended.
  ///
  /// The task must prefer the loop's executor, on which its waits end then.
  package func run() async -> TerminalEnd? {
    let watches = [
      Watch(terminal.descriptor, .terminal, of: self), Watch(terminal.processDescriptor, .process, of: self),
    ]
    do { for watch in watches { try loop.register(watch.descriptor, watch) } } catch {
      // Without a place in epoll its end would never be seen.
      terminal.end()
      hasEnded = true
    }
    await withTaskCancellationHandler {
      while !hasEnded, !Task.isCancelled { await step() }
    } onCancel: {
      terminal.end()
      isAbandoned.store(true, ordering: .relaxed)
    }
    for watch in watches { loop.unregister(watch.descriptor) }
    if hasEnded { finish() }
    isOver = true
    tellEnd()
    return end
  }

  private func step() async {
    guard isReadable, !isHeldBack else {
      return await withCheckedContinuation { continuation in
        let isDue = isReadable && !isHeldBack || hasEnded || isAbandoned.load(ordering: .relaxed)
        if isDue { continuation.resume() } else { sleeper = continuation }
      }
    }
    read(upTo: Self.turn)
    if isReadable { await loop.yield() }
  }

  private var isHeldBack: Bool { viewers.areBehind(scrollback.end, by: window) }

  /// Reads until there is nothing, or so much was read, or every viewer is far behind.
  private func read(upTo limit: Int) {
    var taken = 0
    while isReadable, taken < limit, !isHeldBack {
      let count = unsafe loop.read(terminal.descriptor) { unsafe scrollback.append($0) }
      if count > 0 { taken += count } else if count != -Int(EINTR) { isReadable = false }
    }
    if taken > 0 { wakeViewers() }
  }

  /// Takes what is left of the output, reaps the program, and tells everybody.
  private func finish() {
    guard end == nil else { return }
    isReadable = true
    while isReadable {
      let count = unsafe loop.read(terminal.descriptor) { unsafe scrollback.append($0) }
      if count <= 0, count != -Int(EINTR) { isReadable = false }
    }
    input = []
    end = TerminalEnd(terminal.finish(), reason: endReason)
    wakeViewers()
  }

  private func tellEnd() {
    for ender in enders { ender.resume() }
    enders = []
  }

  private func wakeViewers() {
    for viewer in waiters.keys { serve(viewer) }
  }

  private func wake() {
    sleeper?.resume()
    sleeper = nil
  }

  /// Ends the program and all that it started.
  package func end(_ reason: TerminalEnd.Reason) {
    guard end == nil else { return }
    if endReason == nil {
      endReason = reason
      endDeadline = .now + .seconds(5)
    }
    terminal.end()
  }

  /// Waits until it has ended after `end`, at most some seconds; whether it has.
  @discardableResult
  package func waitForEnd() async -> Bool {
    await withCheckedContinuation { continuation in
      if isOver { continuation.resume() } else { enders.append(continuation) }
    }
    return isOver
  }
}

// What the loop tells.
extension TerminalSession {
  private final class Watch: EventHandler {
    enum Kind { case terminal, process }

    let descriptor: Int32
    private let kind: Kind
    private weak let session: TerminalSession?

    init(_ descriptor: Int32, _ kind: Kind, of session: TerminalSession) {
      self.descriptor = descriptor
      self.kind = kind
      self.session = session
    }

    func ready(_ readiness: Readiness) {
      if kind == .terminal { session?.terminalIsReady(readiness) } else { session?.processIsReady() }
    }

    func tick(_ now: ContinuousClock.Instant) { if kind == .terminal { session?.look(now) } }
  }

  private nonisolated func terminalIsReady(_ readiness: Readiness) {
    assumeIsolated { session in
      if readiness.meets(.readable) || readiness.meets(.broken) {
        session.isReadable = true
        session.wake()
      }
      if readiness.meets(.writable) { session.writeInput() }
    }
  }

  private nonisolated func processIsReady() {
    assumeIsolated { session in
      session.hasEnded = true
      session.wake()
    }
  }

  /// Once a second: ends it when nobody has watched for too long.
  private nonisolated func look(_ now: ContinuousClock.Instant) {
    assumeIsolated { session in
      if session.viewers.count > 0 { session.lastWatched = now }
      if now - session.lastWatched > session.idleLimit { session.end(.idle) }
      if let deadline = session.endDeadline, now > deadline { session.tellEnd() }
      if session.isAbandoned.load(ordering: .relaxed) { session.wake() }
    }
  }
}

// What viewers ask for.
extension TerminalSession {
  /// A new viewer, which has had `after` bytes or wants all that is kept; to be detached when it leaves.
  package func attach(after: Int?, control: TerminalControl) -> Int {
    let id = viewers.add(offset: min(after ?? scrollback.start, scrollback.end), control: control)
    wakeViewers()
    return id
  }

  /// Lets a viewer go.
  package func detach(_ viewer: Int) {
    viewers.remove(viewer)
    lastWatched = .now
    wakeViewers()
    wake()
  }

  /// What a viewer is to be told next, with at most so many bytes; waits for it.
  ///
  /// Nil when the viewer was detached.
  ///
  /// Nothing is touched after the wait: a continuation resumes a task where the task prefers to run, which need not be
  /// our loop.
  package func next(_ viewer: Int, limit: Int) async -> TerminalDelivery? {
    await withCheckedContinuation { continuation in
      waiters[viewer] = Waiter(limit: limit, continuation: continuation)
      serve(viewer)
    }
  }

  /// Resumes a viewer that waits, if there is something to tell it.
  private func serve(_ viewer: Int) {
    guard let waiter = waiters[viewer] else { return }
    let wasHeldBack = isHeldBack
    var delivery = viewers.next(viewer, of: scrollback, size: size, limit: waiter.limit)
    if wasHeldBack, !isHeldBack { wake() }
    if delivery == nil, viewers.has(viewer) {
      guard let end else { return }
      delivery = .end(end, offset: scrollback.end)
    }
    waiters[viewer] = nil
    waiter.continuation.resume(returning: delivery)
  }

  /// Does what a viewer asks for.
  ///
  /// - Throws: `TerminalError`; nothing of it was done then.
  package func take(_ request: TerminalRequest, from viewer: Int) throws(TerminalError) {
    switch request {
    case .ping: return
    case .take: viewers.take(viewer)
    case .release: viewers.release(viewer)
    case .input(let bytes):
      try check(viewer)
      try take(input: bytes)
    case .interrupt:
      try check(viewer)
      // As at a keyboard: what was typed before and not read is dropped.
      input = []
      do { try terminal.interrupt() } catch { throw TerminalError(.failed, error.description) }
    case .resize(let size):
      try check(viewer)
      do { try terminal.resize(size) } catch { throw TerminalError(.failed, error.description) }
      self.size = size
      viewers.tellAll()
    }
    wakeViewers()
  }

  private func check(_ viewer: Int) throws(TerminalError) {
    guard end == nil else { throw TerminalError(.ended, "the terminal has ended") }
    guard viewers.controller == viewer else {
      throw TerminalError(.notWriter, "another viewer has control of this terminal; send take to get it")
    }
  }
}
