package import EventLog
import Platform
import Store
import Synchronization

/// Whether the database answers, asked once a second in the background, so that `GET /health` need not wait for it.
package final class HealthMonitor: Sendable {
  private let journal: Journal
  private let connected = Atomic(true)

  /// A monitor of a journal's database.
  package init(journal: Journal) { self.journal = journal }

  /// Whether the database answered when it was last asked.
  package var isConnected: Bool { connected.load(ordering: .relaxed) }

  /// Asks until the task is cancelled.
  package func run() async {
    while !Task.isCancelled {
      let answered = (try? await journal.store.read { db in try db.eventRange() }) != nil
      if !Task.isCancelled { connected.store(answered, ordering: .relaxed) }
      // Ends early only when the task is cancelled, which the loop's condition sees.
      try? await Task.sleep(for: .seconds(1))
    }
  }
}
