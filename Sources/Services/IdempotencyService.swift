package import EventLog
import Foundation
import GRDB
import JSON
import Platform
import Store

/// Requests that a client may send again without their happening again (`Idempotency-Key`, as in
/// draft-ietf-httpapi-idempotency-key-header).
///
///     first seen -> running -> done: the answer is kept for a day and given again
///                          \-> refused or failed: the key is forgotten, since nothing was made
package struct IdempotencyService: Sendable {
  /// The answer to a request.
  package struct Answer: Sendable {
    /// Its status.
    package let status: Int
    /// Its fields.
    package let fields: [(String, String)]
    /// Its body.
    package let body: [UInt8]

    /// An answer.
    package init(status: Int, fields: [(String, String)], body: [UInt8]) {
      self.status = status
      self.fields = fields
      self.body = body
    }
  }

  private let journal: Journal

  /// Keys that are kept in a journal's database.
  package init(journal: Journal) { self.journal = journal }

  /// Marks what was running when the daemon ended; call it before the first request.
  package func restore() async throws { try await journal.append { db, _ in try db.interruptIdempotencyKeys() } }

  /// Does `work` for the first request with a key, and answers the later ones as that one was.
  ///
  /// - Throws: what `work` throws; `ServiceError.conflict` while the first still runs or when it was interrupted,
  ///   `.invalid` when the body is another.
  package func once(
    _ key: String, operation: String, bodyHash: String, _ work: @Sendable () async throws -> Answer
  ) async throws -> Answer {
    if let known = try await begin(key, operation: operation, bodyHash: bodyHash) { return known }
    let answer: Answer
    do { answer = try await work() } catch {
      try await journal.append { db, _ in try db.deleteIdempotencyKey(key, operation: operation) }
      throw error
    }
    try await journal.append { db, _ in
      guard var record = try db.idempotencyKey(key, operation: operation) else { return }
      record.state = .done
      record.status = answer.status
      record.fields = JSONValue.object(JSONObject(answer.fields.map { ($0.0, .string($0.1)) })).encodedText
      record.body = Data(answer.body)
      try record.update(db)
    }
    return answer
  }

  /// The answer that the key has already got, or nil after a note that its work begins.
  private func begin(_ key: String, operation: String, bodyHash: String) async throws -> Answer? {
    let now = Timestamp.now
    let known = try await journal.append { db, _ -> IdempotencyRecord? in
      try db.deleteIdempotencyKeys(before: Timestamp(microseconds: now.microseconds - 86_400_000_000).text)
      if let known = try db.idempotencyKey(key, operation: operation) { return known }
      try db.insert(
        IdempotencyRecord(operation: operation, key: key, bodyHash: bodyHash, createdAt: now.text))
      return nil
    }
    guard let known else { return nil }
    guard known.bodyHash == bodyHash else {
      throw ServiceError(
        .invalid, "the key was used with another body: send that body again, or use a new key",
        location: ["header", "Idempotency-Key"])
    }
    switch known.state {
    case .running: throw ServiceError(.conflict, "the first request with this Idempotency-Key is still being answered")
    case .interrupted:
      throw ServiceError(
        .conflict,
        "the first request with this Idempotency-Key was cut off by a restart: look whether it was done, then use a new key"
      )
    case .done:
      let fields = try JSONParser.parse(known.fields ?? "{}").object ?? JSONObject()
      return Answer(
        status: known.status ?? 200, fields: fields.members.map { ($0.name, $0.value.string ?? "") },
        body: Array(known.body ?? Data()))
    }
  }
}
