package import JSON
package import Store
import Synchronization

/// The projects that are ready, in memory, each encoded once, with what their repositories looked like then.
///
/// The list is asked for more than anything else, so it is put together from bytes at hand. Before it is, each
/// repository's references are looked at, so that a commit made by any other tool is seen by the next read.
final class ProjectDirectory: Sendable {
  private struct Entry {
    var record: ProjectRecord
    var json: [UInt8]
    var paths: ReferenceFingerprint.Paths
    var fingerprint: ReferenceFingerprint
  }

  private struct State {
    /// Ids, oldest first.
    var order: [String] = []
    var entries: [String: Entry] = [:]
    var list: [UInt8]?
  }

  private let state = Mutex(State())

  /// The encoded list, newest first, or the ids of the projects whose repositories have changed since they were read.
  func list() -> (json: [UInt8], stale: [String]) {
    state.withLock { state in
      let stale = state.entries.values.filter { ReferenceFingerprint(paths: $0.paths) != $0.fingerprint }
      guard stale.isEmpty else { return ([], stale.map(\.record.id)) }
      if let list = state.list { return (list, []) }
      var list: [UInt8] = [UInt8(ascii: "[")]
      for id in state.order.reversed() {
        if list.count > 1 { list.append(UInt8(ascii: ",")) }
        list.append(contentsOf: state.entries[id]?.json ?? [])
      }
      list.append(UInt8(ascii: "]"))
      state.list = list
      return (list, [])
    }
  }

  /// A project with its encoded form; stale when its repository has changed since it was read.
  func find(_ id: String) -> (record: ProjectRecord, json: [UInt8], isStale: Bool)? {
    state.withLock { state in
      state.entries[id].map { ($0.record, $0.json, ReferenceFingerprint(paths: $0.paths) != $0.fingerprint) }
    }
  }

  /// What a repository's references look like now, to be taken before the repository is read.
  func fingerprint(of record: ProjectRecord) -> ReferenceFingerprint {
    ReferenceFingerprint(paths: .init(repository: record.repositoryPath, branch: record.currentBranch))
  }

  /// Puts a project in, as it was read when its references looked like that.
  func put(_ record: ProjectRecord, fingerprint: ReferenceFingerprint) {
    let entry = Entry(
      record: record, json: ProjectView.json(record).encodedBytes,
      paths: .init(repository: record.repositoryPath, branch: record.currentBranch), fingerprint: fingerprint)
    state.withLock { state in
      if state.entries.updateValue(entry, forKey: record.id) == nil {
        let place = state.order.lastIndex { state.entries[$0].map { $0.record.createdAt <= record.createdAt } ?? true }
        state.order.insert(record.id, at: place.map { $0 + 1 } ?? 0)
      }
      state.list = nil
    }
  }

  func remove(_ id: String) {
    state.withLock { state in
      state.order.removeAll { $0 == id }
      state.entries[id] = nil
      state.list = nil
    }
  }
}

/// How a project looks to a client.
package enum ProjectView {
  /// The fields of the wire format.
  package static func json(_ record: ProjectRecord) -> JSONValue {
    [
      "id": .string(record.id), "name": .string(record.name), "slug": .string(record.slug),
      "repository_path": .string(record.repositoryPath), "current_code": JSONValue(record.currentCode),
      "current_commit": JSONValue(record.currentCommit), "current_branch": .string(record.currentBranch),
      "created_at": .string(record.createdAt), "updated_at": .string(record.updatedAt),
    ]
  }
}
