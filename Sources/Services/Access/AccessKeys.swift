package import EventLog
import Foundation
import GRDB
import Platform
package import Store
import Synchronization

/// The keys by which callers are known: kept as hashes in the database, and in memory to be asked on event loops.
///
/// Another process (`vibegrapher keys`) may change them at any time: a counter in the database, which triggers raise,
/// is looked at four times a second, and once more before a key that is not known is refused.
package final class AccessKeys: Sendable {
  /// What a key is worth.
  package enum Verdict: Sendable {
    case valid(AccessKeyRecord)
    case unknown, revoked, expired
  }

  struct State {
    var byHash: [Data: AccessKeyRecord] = [:]
    var byID: [String: AccessKeyRecord] = [:]
    var version = 0
    var looked = ContinuousClock.now
    var usage = AccessKeyUsage()
    var watchers: [String: (key: String, continuation: CheckedContinuation<Void, Never>)] = [:]
  }

  /// Between looks at the counter.
  private static let pause: Duration = .milliseconds(250)
  /// Between looks that unknown keys cause.
  private static let shortPause: Duration = .milliseconds(20)

  let journal: Journal
  let state = Mutex(State())
  private let required: Atomic<Bool>

  /// The keys of a journal's database; without any, requests need one only if `isRequired` says so.
  package init(journal: Journal, isRequired: Bool) throws {
    self.journal = journal
    required = Atomic(isRequired)
    let (version, keys, requests) = try journal.store.pool.read { db in
      (try db.accessVersion(), try db.accessKeys(), try db.requests(onDay: AccessKeyUsage.day(of: .now)))
    }
    take(keys, version: version)
    state.withLock { $0.usage.begin(requests, at: .now) }
  }

  /// Whether a request needs a key: as soon as there has ever been one.
  package var isRequired: Bool { required.load(ordering: .relaxed) }

  /// Whether there has ever been a key.
  package var hasKeys: Bool { state.withLock { !$0.byID.isEmpty } }

  /// What a key is worth now.
  package func judge(_ text: String) async throws -> Verdict {
    guard text.utf8.count <= 256 else { return .unknown }
    let hash = AccessKeyText.hash(text)
    if let verdict = verdict(on: hash) { return verdict }
    // It may be new: what was looked at before this call does not count.
    let begun = ContinuousClock.now
    let wait = begun.duration(to: state.withLock { $0.looked } + Self.shortPause)
    if wait > .zero { try await Task.sleep(for: wait) }
    if state.withLock({ $0.looked < begun }) { try await look() }
    return verdict(on: hash) ?? .unknown
  }

  /// Sees to it that somebody who comes with the first key there is, just made by another process, is its owner and not
  /// one of those who need no key.
  package func notice(_ text: String) async throws {
    if text.hasPrefix(AccessKeyText.prefix) { _ = try await judge(text) }
  }

  private func verdict(on hash: Data) -> Verdict? {
    guard let record = state.withLock({ $0.byHash[hash] }), AccessKeyText.isEqual(record.hash, hash) else { return nil }
    return Self.verdict(on: record)
  }

  private static func verdict(on record: AccessKeyRecord) -> Verdict {
    if record.revokedAt != nil { return .revoked }
    if let end = record.expiresAt, end <= Timestamp.now.text { return .expired }
    return .valid(record)
  }

  /// The key of that id if it is valid now.
  package func validKey(id: String) -> AccessKeyRecord? {
    guard let record = state.withLock({ $0.byID[id] }), case .valid = Self.verdict(on: record) else { return nil }
    return record
  }

  /// Reads the keys again when they have changed; true if they have.
  @discardableResult
  package func look() async throws -> Bool {
    let known = state.withLock { state in
      state.looked = .now
      return state.version
    }
    let found = try await journal.store.read { db -> (version: Int, keys: [AccessKeyRecord])? in
      let version = try db.accessVersion()
      return version == known ? nil : (version, try db.accessKeys())
    }
    if let found { take(found.keys, version: found.version) }
    return found != nil
  }

  private func take(_ keys: [AccessKeyRecord], version: Int) {
    if !keys.isEmpty, !required.exchange(true, ordering: .relaxed) {
      // Who reads along without a key has to come again with one.
      journal.endSubscriptions()
    }
    state.withLock { state in
      // Two looks may cross: the later state stands.
      guard version >= state.version else { return }
      state.version = version
      state.byHash = Dictionary(keys.map { ($0.hash, $0) }) { $1 }
      state.byID = Dictionary(keys.map { ($0.id, $0) }) { $1 }
    }
  }

  /// Keeps the keys as the database has them and counts their use, until the task is cancelled; `onChange` is called
  /// when keys or owners have changed.
  package func run(onChange: @Sendable () async throws -> Void) async {
    var round = 0
    while !Task.isCancelled {
      // Ends early only when the task is cancelled, which the loop's condition sees.
      try? await Task.sleep(for: Self.pause)
      do {
        if try await look() { try await onChange() }
      } catch {
        // A database that does not answer shows in /health; the keys stay as they were last read.
      }
      releaseWatchers()
      round += 1
      if round % 8 == 0 { await keepUsage() }
    }
    await keepUsage()
    releaseWatchers(all: true)
  }

  /// Returns when a key is not valid any more, or the task is cancelled.
  package func untilInvalid(id: String) async {
    let watcher = UUIDv7.make()
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        state.withLock { $0.watchers[watcher] = (id, continuation) }
        if Task.isCancelled || validKey(id: id) == nil { release(watcher) }
      }
    } onCancel: {
      release(watcher)
    }
  }

  private func release(_ watcher: String) {
    state.withLock { $0.watchers.removeValue(forKey: watcher) }?.continuation.resume()
  }

  func releaseWatchers(all: Bool = false) {
    let (watchers, keys) = state.withLock { ($0.watchers.mapValues(\.key), $0.byID) }
    for (watcher, key) in watchers {
      if !all, let record = keys[key], case .valid = Self.verdict(on: record) { continue }
      release(watcher)
    }
  }
}
