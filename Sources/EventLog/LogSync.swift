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
  private static let pause = 200_000_000

  private struct Waiting {
    var finishes: [Finish] = []
    var isDirty = false
    var isStopping = false
  }

  /// How long syncs take.
  let times = Histogram()
  private let file: Mutex<LogFile>
  private let logger: Logger
  private let waiting = Mutex(Waiting())
  private let thread: DiskThread
  private let wake: ThreadSemaphore

  /// For the log of the database file at a path.
  init(database path: String, logger: Logger) throws(SystemError) {
    file = Mutex(LogFile(path: path + "-wal"))
    self.logger = logger
    thread = try DiskThread(name: "log-sync")
    wake = try ThreadSemaphore()
  }

  /// Takes note of a transaction, and calls each of these once the disk has it, or has failed to take it.
  func note(_ finishes: [Finish]) {
    let isNews = waiting.withLock { waiting in
      defer {
        waiting.isDirty = true
        waiting.finishes += finishes
      }
      return !waiting.isDirty || !finishes.isEmpty
    }
    if isNews { wake.post() }
  }

  /// Syncs until `stop`, and then once more for those who still wait.
  func run() async {
    await thread.run {
      while true {
        let (isDirty, isUrgent, isStopping) = self.waiting.withLock {
          ($0.isDirty, !$0.finishes.isEmpty || $0.isStopping, $0.isStopping)
        }
        if isDirty, isUrgent || !self.wake.wait(nanoseconds: Self.pause) {
          self.sync()
        } else if isStopping {
          return
        } else if !isDirty {
          self.wake.wait()
        }
      }
    }
  }

  /// Lets `run` return.
  func stop() {
    waiting.withLock { $0.isStopping = true }
    wake.post()
  }

  private func sync() {
    let finishes = waiting.withLock { waiting in
      defer { (waiting.finishes, waiting.isDirty) = ([], false) }
      return waiting.finishes
    }
    let begun = MonotonicClock.nanoseconds
    do {
      try file.withLock { file throws(SystemError) in try file.sync() }
      times.observe(nanoseconds: MonotonicClock.nanoseconds - begun)
      for finish in finishes { finish(.success(())) }
    } catch {
      logger.error("could not sync the database", metadata: ["error": "\(error)"])
      for finish in finishes { finish(.failure(error)) }
    }
  }
}

/// The log's file.
private struct LogFile: ~Copyable {
  private let path: String
  private var descriptor: Int32 = -1

  init(path: String) { self.path = path }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Waits for fdatasync(2).
  ///
  /// SQLite keeps the file for as long as the database is open.
  mutating func sync() throws(SystemError) {
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
