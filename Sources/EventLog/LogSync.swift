import Glibc
import Logging
import Platform
import Synchronization

/// Syncs SQLite's write-ahead log to the disk for those who are told only then that something is saved.
///
/// It runs beside the transactions and not within them, so that nobody's words wait for a disk that writes down somebody
/// else's message. One sync is for all who came before it, and for all that was written before them: the log is one
/// file, and a transaction in it counts only if those before it do.
///
/// What nobody waits for is synced a moment later, too: a power cut takes no more than that, and a checkpoint, which
/// begins with a sync of the whole log, finds little to do.
final class LogSync: Sendable {
  typealias Finish = @Sendable (Result<Void, any Error>) -> Void

  /// Until what nobody waits for is synced.
  private static let pause: Duration = .milliseconds(200)

  /// How long syncs take.
  let times = Histogram()
  private let file: LogFile
  private let logger: Logger
  private let waiting = Mutex<(finishes: [Finish], isDirty: Bool)>(([], false))
  private let wakeups: AsyncStream<Void>
  private let wake: AsyncStream<Void>.Continuation

  /// For the log of the database file at a path.
  init(database path: String, logger: Logger) throws {
    file = try LogFile(path: path + "-wal")
    self.logger = logger
    (wakeups, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
  }

  /// Takes note of a transaction, and calls each of these once the disk has it, or has failed to take it.
  func note(_ finishes: [Finish]) {
    waiting.withLock { waiting in
      waiting.isDirty = true
      waiting.finishes += finishes
    }
    if !finishes.isEmpty { wake.yield() }
  }

  /// Syncs until the task is cancelled, and then once more for those who still wait.
  func run() async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        // The sleep ends early only when the task is cancelled, which the condition sees.
        while await (try? Task.sleep(for: Self.pause)) != nil {
          if self.waiting.withLock(\.isDirty) { self.wake.yield() }
        }
      }
      for await _ in wakeups { await sync() }
    }
    await sync()
  }

  private func sync() async {
    let (finishes, isDirty) = waiting.withLock { waiting in
      defer { waiting = ([], false) }
      return waiting
    }
    guard isDirty else { return }
    let begun = MonotonicClock.nanoseconds
    do {
      try await file.sync()
      times.observe(nanoseconds: MonotonicClock.nanoseconds - begun)
      for finish in finishes { finish(.success(())) }
    } catch {
      logger.error("could not sync the database", metadata: ["error": "\(error)"])
      for finish in finishes { finish(.failure(error)) }
    }
  }
}

/// The log's file on a thread of its own, since syncing blocks.
private actor LogFile {
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }
  private nonisolated let executor: ThreadExecutor
  private let path: String
  private var descriptor: Int32 = -1

  init(path: String) throws(SystemError) {
    self.path = path
    executor = try ThreadExecutor(name: "log-sync")
  }

  deinit {
    executor.stop()
    if descriptor >= 0 { close(descriptor) }
  }

  /// Waits for fdatasync(2).
  ///
  /// SQLite keeps the file for as long as the database is open.
  func sync() throws(SystemError) {
    if descriptor < 0 { descriptor = try open() }
    while fdatasync(descriptor) != 0 { guard errno == EINTR else { throw .last("sync \(path)") } }
  }

  /// Opens the file; a new one's name must be on the disk, too.
  private func open() throws(SystemError) -> Int32 {
    let folder = path.prefix(upTo: path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex)
    let parent = OwnedDescriptor(unsafe Glibc.open(folder.isEmpty ? "." : String(folder), O_RDONLY | O_CLOEXEC))
    guard parent.number >= 0, fsync(parent.number) == 0 else { throw .last("sync the folder of \(path)") }
    let number = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
    guard number >= 0 else { throw .last("open \(path)") }
    return number
  }
}
