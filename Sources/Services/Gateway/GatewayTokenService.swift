import Crypto
package import EventLog
import GRDB
package import JSON
package import Platform
package import Store

/// Short-lived tokens by which programs reach models through the gateway, without a key of a provider.
///
/// A token stands for a project, session, run, job or key: its calls are counted for them and held to their budgets, and
/// to the token's own. Only a hash of it is stored.
package struct GatewayTokenService: Sendable {
  /// What a token stands for.
  package struct Scope: Sendable, Hashable {
    /// The project; that of the session when only that is given.
    package var projectID: String?
    /// The session.
    package var sessionID: String?
    /// The run.
    package var runID: String?
    /// The job.
    package var jobID: String?
    /// The access key of whoever asks for it.
    package var keyID: String?
    /// Whose the token is to be; nil for the local user.
    package var owner: String?

    /// A scope; nothing in particular without arguments.
    package init(
      projectID: String? = nil, sessionID: String? = nil, runID: String? = nil, jobID: String? = nil,
      keyID: String? = nil, owner: String? = nil
    ) {
      self.projectID = projectID
      self.sessionID = sessionID
      self.runID = runID
      self.jobID = jobID
      self.keyID = keyID
      self.owner = owner
    }
  }

  /// The longest life of a token, a day.
  package static let longestLife = Duration.seconds(86_400)
  /// What every token begins with, so that it is known as one when it turns up somewhere.
  package static let prefix = "vgt_"

  private let journal: Journal

  /// Tokens in a journal's database.
  package init(journal: Journal) { self.journal = journal }

  /// Makes a token; it is shown this once.
  ///
  /// - Throws: `ServiceError.invalid` when its project or session is not there, or the limits make no sense.
  package func issue(
    for scope: Scope, life: Duration, limits: BudgetLimits = BudgetLimits()
  ) async throws -> (record: GatewayTokenRecord, token: Secret, budget: BudgetRecord?) {
    try limits.check()
    let token = Self.makeToken()
    let now = Timestamp.now
    var record = GatewayTokenRecord(
      id: UUIDv7.make(), tokenHash: Self.hash(token), projectId: scope.projectID, sessionId: scope.sessionID,
      runId: scope.runID, jobId: scope.jobID, keyId: scope.keyID, owner: scope.owner,
      expiresAt: now.adding(min(life, Self.longestLife)).text, createdAt: now.text)
    let known = now.adding(.zero - Self.longestLife).text
    let (stored, budget) = try await journal.append { [record] db, _ -> (GatewayTokenRecord, BudgetRecord?) in
      var record = record
      record.projectId = try Self.project(of: scope, in: db)
      try db.deleteGatewayTokens(before: known)
      try db.insert(record)
      let place = BudgetRecord.Place(scope: .token, id: record.id)
      if !limits.isUnlimited { try db.setBudget(limits.record(place)) }
      return (record, try db.budget(place))
    }
    record = stored
    return (record, Secret(token), budget)
  }

  private static func project(of scope: Scope, in db: Database) throws -> String? {
    if let session = scope.sessionID {
      guard let session = try db.session(id: session) else {
        throw ServiceError(.invalid, "there is no such session", location: ["body", "session_id"])
      }
      guard scope.projectID == nil || scope.projectID == session.projectId else {
        throw ServiceError(.invalid, "the session is another project's", location: ["body", "session_id"])
      }
      return session.projectId
    }
    if let project = scope.projectID, try db.project(id: project) == nil {
      throw ServiceError(.invalid, "there is no such project", location: ["body", "project_id"])
    }
    return scope.projectID
  }

  /// The token that a text is, when it is good now.
  package func authenticate(_ text: String) async throws -> GatewayTokenRecord? {
    guard text.hasPrefix(Self.prefix), text.utf8.count < 100 else { return nil }
    let hash = Self.hash(text)
    guard let record = try await journal.store.read({ db in try db.gatewayToken(hash: hash) }),
      record.revokedAt == nil, record.expiresAt > Timestamp.now.text
    else { return nil }
    return record
  }

  /// A token with its budget; only an owner's, if one is given.
  package func token(
    _ id: String, owner: String? = nil
  ) async throws -> (record: GatewayTokenRecord, budget: BudgetRecord?) {
    try await journal.store.read { db in
      guard let record = try db.gatewayToken(id: id, owner: owner) else {
        throw ServiceError(.notFound, "Token not found")
      }
      return (record, try db.budget(.init(scope: .token, id: id)))
    }
  }

  /// All tokens that are known, or an owner's, the newest first.
  package func tokens(page: Page?, owner: String? = nil) async throws -> [GatewayTokenRecord] {
    try await journal.store.read { db in try db.gatewayTokens(owner: owner, page: page) }
  }

  /// Makes a token worthless from now on.
  package func revoke(_ id: String, owner: String? = nil) async throws {
    try await journal.append { db, _ in
      guard var record = try db.gatewayToken(id: id, owner: owner) else {
        throw ServiceError(.notFound, "Token not found")
      }
      guard record.revokedAt == nil else { return }
      record.revokedAt = Timestamp.now.text
      try db.update(record)
    }
  }

  /// 256 random bits.
  private static func makeToken() -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    // The system's generator, which is fit for secrets.
    return prefix + String((0..<43).map { _ in alphabet[Int.random(in: 0..<64)] })
  }

  private static func hash(_ token: String) -> String {
    SHA256.hash(data: Array(token.utf8)).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
  }
}

/// How a token looks to a client.
package enum GatewayTokenView {
  /// All but the token itself, unless it has just been made.
  package static func json(
    _ record: GatewayTokenRecord, budget: BudgetRecord? = nil, token: Secret? = nil
  ) -> JSONValue {
    var members: [(String, JSONValue)] = [
      ("id", .string(record.id)), ("project_id", JSONValue(record.projectId)),
      ("session_id", JSONValue(record.sessionId)), ("run_id", JSONValue(record.runId)),
      ("job_id", JSONValue(record.jobId)), ("expires_at", .string(record.expiresAt)),
      ("revoked_at", JSONValue(record.revokedAt)), ("created_at", .string(record.createdAt)),
      ("budget", BudgetView.json(budget)),
    ]
    if let token { members.append(("token", .string(token.revealed))) }
    return .object(JSONObject(members))
  }
}
