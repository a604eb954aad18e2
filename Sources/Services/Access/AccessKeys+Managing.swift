import EventLog
import Foundation
package import JSON
import Platform
package import Store
import Synchronization

extension AccessKeys {
  /// What a new key is to be.
  package struct Order: Sendable {
    /// Whose it is.
    package var owner: String
    /// Names of scopes.
    package var scopes: [String]
    /// `90d`, `12h`, `30m`, or nil for ever.
    package var expires: String?
    /// Most requests of a UTC day.
    package var dailyRequests: Int?
    /// Most US dollars of a UTC day.
    package var dailyCost: Double?

    /// An order of that.
    package init(
      owner: String, scopes: [String] = ["read", "write", "execute"], expires: String? = nil,
      dailyRequests: Int? = nil, dailyCost: Double? = nil
    ) {
      self.owner = owner
      self.scopes = scopes
      self.expires = expires
      self.dailyRequests = dailyRequests
      self.dailyCost = dailyCost
    }
  }

  /// The names of scopes, from the least to the most.
  package static let scopeNames = ["read", "write", "execute", "admin"]

  /// Makes a key, whose text is shown this once; `adopts` gives the projects that nobody owns to its owner.
  ///
  /// - Throws: `ServiceError.invalid` for an order that cannot be.
  package func create(
    _ order: Order, adopts: Bool = false
  ) async throws -> (key: String, record: AccessKeyRecord, adopted: Int) {
    let now = Timestamp.now
    let text = AccessKeyText.make()
    let record = AccessKeyRecord(
      id: UUIDv7.make(), owner: try Self.checkedOwner(order.owner), hash: AccessKeyText.hash(text),
      prefix: String(text.prefix(8)), scopes: try Self.checkedScopes(order.scopes), dailyRequests: order.dailyRequests,
      dailyCostUsd: order.dailyCost, expiresAt: try order.expires.map { now.adding(try Self.lifetime($0)).text },
      createdAt: now.text)
    if let limit = order.dailyRequests, limit < 1 { throw Self.fault("daily_requests", "at least 1", "\(limit)") }
    if let limit = order.dailyCost, !(limit >= 0 && limit < 1e9) {
      throw Self.fault("daily_cost_usd", "US dollars, at least 0", "\(limit)")
    }
    let adopted = try await journal.append { db, _ in
      try db.insert(record)
      return adopts ? try db.adoptProjects(record.owner) : 0
    }
    try await look()
    return (text, record, adopted)
  }

  /// Takes a key back.
  ///
  /// - Throws: `ServiceError.notFound` when there is no such key that is still in use.
  package func revoke(_ id: String) async throws {
    let isFound = try await journal.append { db, _ in try db.revokeAccessKey(id: id, at: Timestamp.now.text) }
    guard isFound else { throw ServiceError(.notFound, "Key not found") }
    try await look()
    releaseWatchers()
  }

  /// Every key as those see it who manage keys, oldest first.
  package func list() async throws -> [JSONValue] {
    let now = Timestamp.now
    let midnight = AccessKeyUsage.day(of: now)
    let found = try await journal.store.read { db in
      let requests = try db.requests(onDay: midnight)
      return try db.accessKeys().map { ($0, requests[$0.id] ?? 0, try db.cost(ofKey: $0.id, since: midnight)) }
    }
    return found.map { record, requests, cost in
      let counted = state.withLock { $0.usage.today(record.id, at: now) }
      return AccessKeyView.json(record, requests: max(requests, counted), cost: cost)
    }
  }

  /// Counts a request of a key; the seconds until the next day when it has had its share of this one.
  package func admit(_ key: AccessKeyRecord) -> Int? {
    let now = Timestamp.now
    return state.withLock { $0.usage.admit(key, at: now) } ? nil : AccessKeyUsage.secondsLeft(at: now)
  }

  /// The seconds until the next day when a key has spent what it may spend on this one; otherwise nil.
  package func secondsUntilMoney(_ key: AccessKeyRecord) async throws -> Int? {
    guard let limit = key.dailyCostUsd else { return nil }
    let now = Timestamp.now
    let spent = try await journal.store.read { db in try db.cost(ofKey: key.id, since: AccessKeyUsage.day(of: now)) }
    return spent < limit ? nil : AccessKeyUsage.secondsLeft(at: now)
  }

  /// Writes down how often the keys were used.
  func keepUsage() async {
    let additions = state.withLock { $0.usage.takeUnsaved() }
    guard !additions.isEmpty else { return }
    await journal.post { db, _ in
      for addition in additions {
        try db.addRequests(
          addition.requests, ofKey: addition.key, day: addition.day, lastUsed: addition.lastUsed)
      }
    }
  }

  private static func checkedOwner(_ owner: String) throws -> String {
    guard owner.wholeMatch(of: /[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}/) != nil else {
      throw fault("owner", "1 to 64 letters, digits and . _ @ + - that begin with a letter or digit", owner)
    }
    return owner
  }

  private static func checkedScopes(_ scopes: [String]) throws -> String {
    guard !scopes.isEmpty, scopes.allSatisfy(scopeNames.contains) else {
      throw fault("scopes", "some of \(scopeNames.joined(separator: ", "))", scopes.joined(separator: ","))
    }
    return scopeNames.filter(scopes.contains).joined(separator: ",")
  }

  private static func lifetime(_ text: String) throws -> Duration {
    let units = ["s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800]
    guard let match = text.wholeMatch(of: /(\d{1,6})([smhdw])/), let count = Int(match.1), count > 0,
      let unit = units[String(match.2)], count * unit <= 100 * 366 * 86_400
    else { throw fault("expires", "a number with s, m, h, d or w, such as 90d", text) }
    return .seconds(count * unit)
  }

  private static func fault(_ name: String, _ wanted: String, _ found: String) -> ServiceError {
    ServiceError(.invalid, "\(name) must be \(wanted), found '\(found.prefix(100))'", location: ["body", name])
  }
}
