package import Foundation
package import GRDB

/// A row of `access_keys`.
package struct AccessKeyRecord: Record, Hashable {
  /// The table.
  package static let databaseTableName = "access_keys"

  /// The id, a UUIDv7.
  package let id: String
  /// Whose key it is.
  package let owner: String
  /// SHA-256 of the key.
  package let hash: Data
  /// How the key begins.
  package let prefix: String
  /// Some of `read`, `write`, `execute`, `admin`, with commas between.
  package let scopes: String
  /// Most requests of one UTC day; nil for any number.
  package let dailyRequests: Int?
  /// Most US dollars for models on one UTC day; nil for any.
  package let dailyCostUsd: Double?
  /// When it ends to be valid, RFC 3339; nil for never.
  package let expiresAt: String?
  /// When it was taken back, RFC 3339.
  package var revokedAt: String?
  /// When it was last used, RFC 3339, a few seconds late.
  package var lastUsedAt: String?
  /// When it was made, RFC 3339.
  package let createdAt: String

  /// A new key.
  package init(
    id: String, owner: String, hash: Data, prefix: String, scopes: String, dailyRequests: Int?, dailyCostUsd: Double?,
    expiresAt: String?, createdAt: String
  ) {
    self.id = id
    self.owner = owner
    self.hash = hash
    self.prefix = prefix
    self.scopes = scopes
    self.dailyRequests = dailyRequests
    self.dailyCostUsd = dailyCostUsd
    self.expiresAt = expiresAt
    self.createdAt = createdAt
  }
}

extension Database {
  /// Counts the changes of keys and owners.
  package func accessVersion() throws -> Int { try Int.fetchOne(self, sql: "SELECT version FROM access_version") ?? 0 }

  /// All keys, oldest first, also those that are no longer valid.
  package func accessKeys() throws -> [AccessKeyRecord] {
    try AccessKeyRecord.fetchAll(self, sql: "SELECT * FROM access_keys ORDER BY created_at, rowid")
  }

  /// The requests of each key on a day, by the key's id.
  package func requests(onDay day: String) throws -> [String: Int] {
    let rows = try Row.fetchAll(
      self, sql: "SELECT key_id, requests FROM access_key_days WHERE day = ?", arguments: [day])
    return Dictionary(rows.map { ($0[0], $0[1]) }) { $1 }
  }

  /// Adds requests of a key on a day, and notes when it was last used.
  package func addRequests(_ count: Int, ofKey key: String, day: String, lastUsed: String) throws {
    try execute(
      sql: """
        INSERT INTO access_key_days (key_id, day, requests) SELECT id, ?, ? FROM access_keys WHERE id = ?
        ON CONFLICT DO UPDATE SET requests = requests + excluded.requests
        """, arguments: [day, count, key])
    try execute(sql: "UPDATE access_keys SET last_used_at = ? WHERE id = ?", arguments: [lastUsed, key])
    try execute(
      sql: "DELETE FROM access_key_days WHERE key_id = ? AND day < date(?, '-90 days')", arguments: [key, day])
  }

  /// US dollars that models have cost since a time, for messages that were sent with a key and for its tokens of the
  /// gateway.
  package func cost(ofKey key: String, since time: String) throws -> Double {
    let sum = try Int.fetchOne(
      self, sql: "SELECT SUM(cost) FROM model_calls WHERE key_id = ? AND started_at >= ?", arguments: [key, time])
    return Double(sum ?? 0) / 1e9
  }

  /// Takes a key back; false when there is none of that id that is not taken back already.
  package func revokeAccessKey(id: String, at time: String) throws -> Bool {
    try execute(
      sql: "UPDATE access_keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", arguments: [time, id])
    return changesCount > 0
  }

  /// Gives the projects that have no owner to one; returns how many.
  package func adoptProjects(_ owner: String) throws -> Int {
    try execute(sql: "UPDATE projects SET owner = ? WHERE owner IS NULL", arguments: [owner])
    return changesCount
  }
}
