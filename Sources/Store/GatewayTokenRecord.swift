package import GRDB

/// A row of `gateway_tokens`: what lets a program use the gateway for a while.
package struct GatewayTokenRecord: Record, Hashable {
  /// The table.
  package static let databaseTableName = "gateway_tokens"

  /// The id, a UUIDv7.
  package var id: String
  /// SHA-256 of the token, hexadecimal.
  package var tokenHash: String
  /// The project that its calls are counted for.
  package var projectId: String?
  /// The session.
  package var sessionId: String?
  /// The run.
  package var runId: String?
  /// The job.
  package var jobId: String?
  /// The access key of whoever asked for it.
  package var keyId: String?
  /// Whose it is; nil for the local user's.
  package var owner: String?
  /// Until when it is good, RFC 3339.
  package var expiresAt: String
  /// Since when it is not good any more, RFC 3339.
  package var revokedAt: String?
  /// When the row was made, RFC 3339.
  package var createdAt: String

  /// A token that is good until a time.
  package init(
    id: String, tokenHash: String, projectId: String? = nil, sessionId: String? = nil, runId: String? = nil,
    jobId: String? = nil, keyId: String? = nil, owner: String? = nil, expiresAt: String, createdAt: String
  ) {
    self.id = id
    self.tokenHash = tokenHash
    self.projectId = projectId
    self.sessionId = sessionId
    self.runId = runId
    self.jobId = jobId
    self.keyId = keyId
    self.owner = owner
    self.expiresAt = expiresAt
    self.createdAt = createdAt
  }
}

extension Database {
  /// The token of a hash, whatever has become of it.
  package func gatewayToken(hash: String) throws -> GatewayTokenRecord? {
    try GatewayTokenRecord.first(self, "SELECT * FROM gateway_tokens WHERE token_hash = ?", [hash])
  }

  /// The token of an id; only when it is an owner's, if one is given.
  package func gatewayToken(id: String, owner: String? = nil) throws -> GatewayTokenRecord? {
    try GatewayTokenRecord.first(
      self, "SELECT * FROM gateway_tokens WHERE id = ?1 AND (?2 IS NULL OR owner = ?2)", [id, owner])
  }

  /// All tokens, or an owner's, the newest first.
  package func gatewayTokens(owner: String? = nil, page: Page? = nil) throws -> [GatewayTokenRecord] {
    let order = try order(of: "gateway_tokens", as: "t", newestFirst: true, page: page)
    return try SQLRequest<GatewayTokenRecord>(
      "SELECT t.* FROM gateway_tokens t WHERE (\(owner) IS NULL OR t.owner = \(owner)) \(order)"
    ).fetchAll(self)
  }

  /// Forgets the tokens that have not been good since a time.
  package func deleteGatewayTokens(before time: String) throws {
    try execute(sql: "DELETE FROM gateway_tokens WHERE expires_at < ?", arguments: [time])
  }
}
