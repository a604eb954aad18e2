import GRDB
import Platform
import Store
import Synchronization

/// Takes the write-ahead log into the database while nobody writes, so that a checkpoint, which waits for the disk
/// several times, hardly ever stands in the way of somebody's words.
///
/// SQLite makes one by itself when the log has grown by `SQLiteStore.mostPagesOfLog` without a pause.
final class IdleCheckpoints: Sendable {
  /// Without a transaction for so long nobody writes.
  private static let quiet: Duration = .milliseconds(500)
  /// Transactions that are worth a checkpoint: about a thousand pages, SQLite's own measure.
  private static let due = 250

  private let state = Mutex<(transactions: Int, last: ContinuousClock.Instant)>((0, .now))

  /// Counts a transaction.
  func note() {
    state.withLock { state in
      state.transactions += 1
      state.last = .now
    }
  }

  /// Makes checkpoints when it is quiet, until the task is cancelled.
  ///
  /// They run on the writer's connection: two that write or checkpoint at the same moment are what SQLite has had its
  /// rare faults in.
  func run(on store: SQLiteStore) async {
    // The sleep ends early only when the task is cancelled, which the condition sees.
    while await (try? Task.sleep(for: Self.quiet)) != nil {
      guard isDue() else { continue }
      // One that fails loses nothing, and is made up for by the next.
      _ = try? await store.pool.writeWithoutTransaction { db in try db.checkpoint(.passive) }
    }
  }

  private func isDue() -> Bool {
    state.withLock { state in
      guard state.transactions >= Self.due, state.last.duration(to: .now) >= Self.quiet else { return false }
      state.transactions = 0
      return true
    }
  }
}
