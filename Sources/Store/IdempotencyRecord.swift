package import Foundation
package import GRDB

/// A row of `idempotency_keys`: a request that was asked to happen once, and what was answered.
package struct IdempotencyRecord: Record {
  /// How far the first request with the key has come.
  package enum State: String, Codable, Sendable {
    /// It is being worked on.
    case running
    /// It was answered.
    case done
    /// The daemon ended in the middle of it.
    case interrupted
  }

  /// The table.
  package static let databaseTableName = "idempotency_keys"

  /// The method and path of the request.
  package let operation: String
  /// The client's key.
  package let key: String
  /// SHA-256 of the body, hexadecimal.
  package let bodyHash: String
  /// How far it has come.
  package var state: State
  /// The answer's status.
  package var status: Int?
  /// The answer's fields, a JSON object.
  package var fields: String?
  /// The answer's body.
  package var body: Data?
  /// When the key was first seen, RFC 3339.
  package let createdAt: String

  /// A request that begins.
  package init(operation: String, key: String, bodyHash: String, createdAt: String) {
    self.operation = operation
    self.key = key
    self.bodyHash = bodyHash
    self.createdAt = createdAt
    state = .running
  }
}

extension Database {
  /// The row of a key.
  package func idempotencyKey(_ key: String, operation: String) throws -> IdempotencyRecord? {
    try IdempotencyRecord.first(
      self, "SELECT * FROM idempotency_keys WHERE operation = ? AND key = ?", [operation, key])
  }

  /// Removes the row of a key.
  package func deleteIdempotencyKey(_ key: String, operation: String) throws {
    try execute(
      sql: "DELETE FROM idempotency_keys WHERE operation = ? AND key = ?", arguments: [operation, key])
  }

  /// Removes the rows that were made before a time.
  package func deleteIdempotencyKeys(before time: String) throws {
    try execute(sql: "DELETE FROM idempotency_keys WHERE created_at < ?", arguments: [time])
  }

  /// Marks what a daemon that is no more had been working on.
  package func interruptIdempotencyKeys() throws {
    try execute(sql: "UPDATE idempotency_keys SET state = 'interrupted' WHERE state = 'running'")
  }
}
