import EventLog
import Sandbox
package import Store
import Synchronization
package import Terminal

extension TerminalService {
  /// The terminals of a project, of an owner's projects, or all, newest first.
  package func terminals(
    project: String?, page: Page? = nil, owner: String? = nil
  ) async throws -> [TerminalRecord] {
    if let project { _ = try await projects.project(project) }
    let records = try await journal.store.read { db in try db.terminals(ofProject: project, page: page, owner: owner) }
    var current: [TerminalRecord] = []
    for record in records { current.append(await self.current(record)) }
    return current
  }

  /// A terminal as it is now.
  ///
  /// - Throws: `ServiceError.notFound`.
  package func terminal(_ id: String) async throws -> TerminalRecord {
    guard let record = try await journal.store.read({ db in try db.terminal(id: id) }) else {
      throw ServiceError(.notFound, "Terminal not found")
    }
    return await current(record)
  }

  private func current(_ record: TerminalRecord) async -> TerminalRecord {
    guard record.state == .running, let session = session(of: record.id) else { return record }
    var record = record
    record.writtenBytes = await session.written
    let size = await session.size
    (record.columns, record.rows) = (Int(size.columns), Int(size.rows))
    return record
  }

  /// The session of a terminal that runs, or that ended so lately that its output is still at hand.
  package func session(of id: String) -> TerminalSession? { state.withLock { $0.live[id]?.session } }

  /// Ends a terminal, and removes its row and its output.
  ///
  /// - Throws: `ServiceError.notFound`.
  package func delete(_ id: String) async throws {
    let record = try await terminal(id)
    await end([id])
    try await journal.append { db, events in
      guard try db.deleteTerminal(id: id) else { throw ServiceError(.notFound, "Terminal not found") }
      events.append(Self.event("terminal.deleted", record))
    }
  }

  /// Ends the terminals of a project that is about to be removed.
  package func endAll(of project: String) async {
    await end(state.withLock { state in state.live.filter { $0.value.record.projectId == project }.map(\.key) })
  }

  /// Ends terminals, waits for it, and forgets their output.
  private func end(_ ids: [String]) async {
    let sessions = ids.compactMap { id in session(of: id).map { (id, $0) } }
    for (_, session) in sessions { await session.end(.deleted) }
    var ended: Set<String> = []
    for (id, session) in sessions where await session.waitForEnd() { ended.insert(id) }
    state.withLock { [ended] state in
      for id in ids {
        // Here, too: who deletes a terminal to start another must not wait for the one who follows it.
        if let live = state.live.removeValue(forKey: id), ended.contains(id) { state.end(live.record) }
      }
      state.ended.removeAll(where: ids.contains)
    }
  }
}
