import JSON
import Store
import Synchronization

/// The projects that are ready, in memory, each encoded once, with what their repositories looked like then.
///
/// The list is asked for more than anything else, so it is put together from bytes at hand. Before it is, the kernel is
/// asked which repositories' references have changed, so that a commit made by any other tool is seen by the next read.
final class ProjectDirectory: Sendable {
  /// How a repository's references looked, to be taken before the repository is read.
  struct Sighting: Sendable {
    fileprivate let version: Int
    fileprivate let fingerprint: ReferenceFingerprint?
  }

  private struct Entry {
    var record: ProjectRecord
    var json: [UInt8]
    /// Counts the changes that were told of.
    var version = 0
    /// The version that was read.
    var seen: Int
    /// What the references looked like, for a repository that cannot be watched.
    var fingerprint: ReferenceFingerprint?
    var paths: ReferenceFingerprint.Paths

    var isStale: Bool { version != seen || fingerprint.map { ReferenceFingerprint(paths: paths) != $0 } ?? false }
  }

  private struct State {
    /// Ids, oldest first.
    var order: [String] = []
    var entries: [String: Entry] = [:]
    /// Ids of entries that must be asked each time, since they cannot be watched, or are known to be stale.
    var suspects: Set<String> = []
    var list: [UInt8]?
  }

  private let watcher: ReferenceWatcher
  private let state = Mutex(State())
  /// An element after the references of some repository may have changed, a head was found elsewhere, or `wakeUp`;
  /// those that nobody has taken yet are one.
  let wakeups: AsyncStream<Void>
  private let wake: AsyncStream<Void>.Continuation

  init() {
    let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    (wakeups, wake) = (stream, continuation)
    watcher = ReferenceWatcher { continuation.yield() }
  }

  /// The ids of all projects, oldest first.
  var ids: [String] { state.withLock { $0.order } }

  /// The encoded list of an owner's projects or of all, newest first, or the ids of the projects whose repositories have
  /// changed since they were read.
  func list(owner: String? = nil) -> (json: [UInt8], stale: [String]) {
    state.withLock { state in
      takeChanges(&state)
      let stale = state.suspects.filter { state.entries[$0]?.isStale == true }
      guard stale.isEmpty else { return ([], Array(stale)) }
      if owner == nil, let list = state.list { return (list, []) }
      var list: [UInt8] = [UInt8(ascii: "[")]
      for id in state.order.reversed() {
        guard let entry = state.entries[id], owner == nil || entry.record.owner == owner else { continue }
        if list.count > 1 { list.append(UInt8(ascii: ",")) }
        list.append(contentsOf: entry.json)
      }
      list.append(UInt8(ascii: "]"))
      if owner == nil { state.list = list }
      return (list, [])
    }
  }

  /// Gives an element of `wakeups`.
  func wakeUp() { wake.yield() }

  /// Takes over whose projects these are.
  func setOwners(of records: [ProjectRecord]) {
    state.withLock { state in for record in records { state.entries[record.id]?.record.owner = record.owner } }
  }

  /// A project, and whether its repository has changed since it was read.
  func find(_ id: String) -> (record: ProjectRecord, isStale: Bool)? {
    state.withLock { state in
      takeChanges(&state)
      return state.entries[id].map { ($0.record, $0.isStale) }
    }
  }

  private func takeChanges(_ state: inout State) {
    switch watcher.changes() {
    case .projects(let ids):
      for id in ids { state.entries[id]?.version += 1 }
      state.suspects.formUnion(ids)
    case .any:
      for id in state.order { state.entries[id]?.version += 1 }
      state.suspects = Set(state.order)
    }
  }

  /// What a repository's references look like now; begins to watch them.
  func look(at record: ProjectRecord) -> Sighting {
    let isWatched = watcher.watch(record.id, repository: record.repositoryPath, branch: record.currentBranch)
    let paths = ReferenceFingerprint.Paths(repository: record.repositoryPath, branch: record.currentBranch)
    return state.withLock { state in
      takeChanges(&state)
      return Sighting(
        version: state.entries[record.id]?.version ?? 0,
        fingerprint: isWatched ? nil : ReferenceFingerprint(paths: paths))
    }
  }

  /// Puts a project in, as it was read after its references looked like that; without a sighting only its row was read,
  /// and what is known of its references stays.
  func put(_ record: ProjectRecord, seen sighting: Sighting?) {
    var entry = Entry(
      record: record, json: ProjectView.json(record).encodedBytes, seen: sighting?.version ?? 0,
      fingerprint: sighting?.fingerprint,
      paths: .init(repository: record.repositoryPath, branch: record.currentBranch))
    state.withLock { state in
      let known = state.entries[record.id]
      entry.version = known?.version ?? entry.seen
      if sighting == nil, let known { (entry.seen, entry.fingerprint) = (known.seen, known.fingerprint) }
      if known?.record.currentCommit != record.currentCommit { wake.yield() }
      if state.entries.updateValue(entry, forKey: record.id) == nil {
        let place = state.order.lastIndex { state.entries[$0].map { $0.record.createdAt <= record.createdAt } ?? true }
        state.order.insert(record.id, at: place.map { $0 + 1 } ?? 0)
      }
      state.list = nil
      Self.suspect(entry, in: &state)
    }
  }

  /// Notes that a project, whose references looked like that, is still as it was read before.
  func confirm(_ record: ProjectRecord, seen sighting: Sighting) {
    state.withLock { state in
      guard var entry = state.entries[record.id], entry.record.currentCommit == record.currentCommit,
        entry.record.currentBranch == record.currentBranch
      else { return }
      (entry.seen, entry.fingerprint) = (sighting.version, sighting.fingerprint)
      state.entries[record.id] = entry
      Self.suspect(entry, in: &state)
    }
  }

  private static func suspect(_ entry: Entry, in state: inout State) {
    if entry.fingerprint == nil, entry.version == entry.seen {
      state.suspects.remove(entry.record.id)
    } else {
      state.suspects.insert(entry.record.id)
    }
  }

  func remove(_ id: String) {
    watcher.unwatch(id)
    state.withLock { state in
      state.order.removeAll { $0 == id }
      state.entries[id] = nil
      state.suspects.remove(id)
      state.list = nil
    }
  }
}
