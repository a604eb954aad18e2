import CPlatform
import Glibc
import Platform
import Synchronization

/// A program that runs in its sandbox: its output as it comes, and how it ends.
package actor SandboxRun {
  /// One of its outputs.
  package enum Stream: String, Sendable {
    case output = "stdout"
    case errors = "stderr"
  }

  /// Bytes that are read and dropped before a flood counts as an attack and ends the program.
  private static let floodLimit = 64 << 20

  /// The loop that watches it.
  package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }
  private nonisolated let loop: EventLoop
  private nonisolated let child: cplatform_sandboxed
  private nonisolated let isOver = Mutex(false)
  /// The work folder on the host, which whoever has the result removes.
  nonisolated let folder: String?
  /// Whether its program was started before there was work for it.
  nonisolated let hasWaited: Bool
  private let observer: @Sendable (Stream, [UInt8]) -> Void
  private let kept: Int
  private let begun: Int
  private var input: Int32
  private var unread: ArraySlice<UInt8>
  private var watches: [Watch] = []
  private var bytes: [Stream: [UInt8]] = [:]
  private var received = 0
  private var isCut = false
  private var isFlooded = false
  private var finished: SandboxResult?
  private var waiters: [CheckedContinuation<SandboxResult, Never>] = []

  /// Tells the actor of one of its descriptors.
  private final class Watch: EventHandler {
    enum Kind: Equatable {
      case input, process
      case stream(Stream)
    }

    let descriptor: Int32
    let kind: Kind
    private weak let run: SandboxRun?

    init(_ descriptor: Int32, _ kind: Kind, of run: SandboxRun) {
      self.descriptor = descriptor
      self.kind = kind
      self.run = run
    }

    func ready(_ readiness: Readiness) { run?.ready(descriptor, kind) }

    func tick(_ now: ContinuousClock.Instant) {}
  }

  init(
    _ started: StartedSandbox, policy: SandboxPolicy, loop: EventLoop,
    observer: @escaping @Sendable (Stream, [UInt8]) -> Void
  ) async {
    self.loop = loop
    self.observer = observer
    child = started.child
    folder = started.folder
    hasWaited = started.hasWaited
    kept = policy.outputBytes
    begun = started.begun
    input = started.input
    unread = policy.input[...]
    watch(started)
  }

  private func watch(_ started: StartedSandbox) {
    writeInput()
    if input >= 0 { add(input, .input) }
    add(started.output, .stream(.output))
    add(started.errors, .stream(.errors))
    add(child.pidfd, .process)
  }

  private nonisolated func ready(_ descriptor: Int32, _ kind: Watch.Kind) {
    assumeIsolated { run in
      switch kind {
      case .input: run.writeInput()
      case .process: run.finish()
      case .stream(let stream): run.read(descriptor, stream)
      }
    }
  }

  /// Writes what the pipe takes now; behind the last byte, or when nobody reads any more, it is closed.
  private func writeInput() {
    while input >= 0, !unread.isEmpty {
      let count = unsafe unread.withUnsafeBytes { unsafe write(input, $0.baseAddress, $0.count) }
      if count < 0, errno == EAGAIN { return }
      if count < 0, errno != EINTR { break }
      unread = unread.dropFirst(max(0, count))
    }
    closeInput()
  }

  private func closeInput() {
    guard input >= 0 else { return }
    if let index = watches.firstIndex(where: { $0.kind == .input }) {
      loop.unregister(input)
      watches.remove(at: index)
    }
    close(input)
    (input, unread) = (-1, [])
  }

  private func add(_ descriptor: Int32, _ kind: Watch.Kind) {
    let watch = Watch(descriptor, kind, of: self)
    watches.append(watch)
    do { try loop.register(descriptor, watch) } catch {
      // Without a place in epoll nothing more would be seen of it: it is ended, and its end waited for.
      end()
      if kind == .process { finish() }
    }
  }

  private func read(_ descriptor: Int32, _ stream: Stream) {
    while true {
      let count = unsafe loop.read(descriptor) { unsafe take($0, of: stream) }
      if count == -Int(EINTR) { continue }
      guard count > 0, !isFlooded else { return }
    }
  }

  private func take(_ piece: UnsafeRawBufferPointer, of stream: Stream) {
    received += piece.count
    let room = kept - bytes[stream, default: []].count
    let taken = unsafe Array(piece.prefix(max(0, room)))
    if taken.count < piece.count { isCut = true }
    if !taken.isEmpty {
      bytes[stream, default: []] += taken
      observer(stream, taken)
    }
    guard received > Self.floodLimit, !isFlooded else { return }
    isFlooded = true
    end()
  }

  /// Called when all of it has ended.
  private func finish() {
    guard finished == nil else { return }
    closeInput()
    for watch in watches {
      if case .stream(let stream) = watch.kind { read(watch.descriptor, stream) }
      loop.unregister(watch.descriptor)
      if watch.kind != .process { close(watch.descriptor) }
    }
    watches = []
    var child = child
    var how = cplatform_sandbox_result()
    isOver.withLock { $0 = true }
    _ = unsafe cplatform_sandbox_finish(&child, &how)
    var result = SandboxResult(how, features: SandboxFeatures(rawValue: child.features), begun: begun)
    if isFlooded {
      result.isKilledByLimit = true
      result.isCancelled = false
      result.limits.insert(.output, at: 0)
    } else if isCut {
      result.limits.append(.output)
    }
    result.isOutputCut = isCut
    result.output = bytes[.output] ?? []
    result.errors = bytes[.errors] ?? []
    finished = result
    for waiter in waiters { waiter.resume(returning: result) }
    waiters = []
  }

  /// How it ended; waits for it.
  package var result: SandboxResult {
    get async {
      await withCheckedContinuation { continuation in
        // Looked at in here: a task that prefers another executor is queued anew before this is called.
        if let finished { continuation.resume(returning: finished) } else { waiters.append(continuation) }
      }
    }
  }

  /// Ends all of it now; the result comes soon.
  package nonisolated func end() {
    isOver.withLock { isOver in
      // Its descriptors may be somebody else's by then.
      guard !isOver else { return }
      var child = child
      _ = unsafe cplatform_sandbox_end(&child)
    }
  }
}
