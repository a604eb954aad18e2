import Logging
import Platform
import Store
import Synchronization

/// Has the write-ahead log taken into the database whenever it has grown, beside the transactions.
final class Checkpoints: Sendable {
  /// Between looks.
  private static let pause: Duration = .milliseconds(100)
  /// Transactions that are worth a checkpoint: some ten thousand pages.
  private static let due = 2000

  private let logger: Logger
  private let transactions = Mutex(0)
  /// Copies for a tenth of a second at a time, and must not take the processor from those who answer meanwhile.
  private let thread: DiskThread

  init(logger: Logger) throws(SystemError) {
    self.logger = logger
    thread = try DiskThread(name: "checkpoints", niceness: 10)
  }

  /// Counts a transaction.
  func note() { transactions.withLock { $0 += 1 } }

  /// Makes checkpoints until the task is cancelled.
  func run(on store: SQLiteStore) async {
    // The sleep ends early only when the task is cancelled, which the condition sees.
    while await (try? Task.sleep(for: Self.pause)) != nil {
      guard isDue() else { continue }
      // One that fails loses nothing: the log stays as it is until the next.
      do { try await store.checkpoint(on: thread) } catch {
        logger.warning("could not make a checkpoint", metadata: ["error": "\(error)"])
      }
    }
  }

  private func isDue() -> Bool {
    transactions.withLock { transactions in
      guard transactions >= Self.due else { return false }
      transactions = 0
      return true
    }
  }
}
