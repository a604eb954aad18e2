import HTTP
import HTTPTypes
import Server
import Services
import Store

/// Finds out who sends a request (R66): by `X-API-Key`, by `Authorization: Bearer`, by a subprotocol of a WebSocket, or
/// by a ticket.
struct Authenticator: Sendable {
  /// A key among the subprotocols of a WebSocket, which is all that a browser lets a page set.
  private static let keyProtocol = "vibegrapher.key."

  let keys: AccessKeys
  let tickets: Tickets
  let rules: AccessRules
  /// The name of the field that holds a key, in lower case.
  let header: String

  /// Who sends a request that bears no key and needs none; nil when `callerWithKey` must find out.
  ///
  /// - Throws: `Problem` 403 for what may not come in at all.
  func callerWithoutKey(of request: Request) throws -> Caller? {
    let head = request.head
    guard keys.isRequired else { return credential(head) == nil ? try rules.keyless(head) : nil }
    try rules.checkOrigin(head)
    if Self.isOpen(head.path) || AccessRules.isPreflight(head) { return .nobody }
    // An open session knows its client, and is known by its id alone.
    return Self.isSocketIO(head.path) && request.query("sid") != nil ? .nobody : nil
  }

  /// Who sends a request of which `callerWithoutKey` does not know.
  ///
  /// - Throws: `Problem` 401 without a valid key where one is needed, 403 for what may not come in at all, 429 for a key
  ///   that has had its share of the day.
  func callerWithKey(of request: Request) async throws -> Caller {
    let head = request.head
    let key = credential(head)
    if !keys.isRequired, let key { try await keys.notice(key) }
    guard keys.isRequired else { return try rules.keyless(head) }
    // Again, since keys may be required from this moment on.
    if let caller = try callerWithoutKey(of: request) { return caller }
    if let key { return try await caller(key: key) }
    if head.method == .get, let ticket = request.query("ticket") {
      guard let caller = tickets.redeem(ticket) else {
        throw Self.refusal(
          "ticket_not_valid", "the ticket is unknown, used or too old; get one from POST /api/v1/tickets")
      }
      return caller
    }
    // A client of Socket.IO may say who it is when it connects to the namespace.
    if Self.isSocketIO(head.path) { return .nobody }
    throw Self.refusal("key_required", "an access key is needed: send it as \(header) or as Authorization: Bearer KEY")
  }

  /// Who bears a key.
  ///
  /// - Throws: `Problem` 401 or 429.
  func caller(key text: String) async throws -> Caller {
    let record: AccessKeyRecord
    switch try await keys.judge(text) {
    case .valid(let found): record = found
    case .unknown: throw Self.refusal("key_unknown", "the access key is not known")
    case .revoked: throw Self.refusal("key_revoked", "the access key was taken back")
    case .expired: throw Self.refusal("key_expired", "the access key has expired")
    }
    if let seconds = keys.admit(record) {
      throw Self.tooMany(
        "daily_limit", "the key may send \(record.dailyRequests ?? 0) requests a day (UTC); come back in \(seconds) s",
        seconds: seconds)
    }
    return Caller(.key(id: record.id, owner: record.owner), scopes: Scopes(granted: record.scopes))
  }

  /// What everybody may see, and what has keys of its own: whether the daemon is well, and the models' gateway.
  static func isOpen(_ path: String) -> Bool {
    let path = path.hasPrefix("/api/v1/") ? path.dropFirst("/api/v1".count) : path[...]
    return path == "/health" || path.hasPrefix("/gateway/") && !path.hasPrefix("/gateway/tokens")
  }

  private static func isSocketIO(_ path: String) -> Bool { path == "/socket.io" || path == "/socket.io/" }

  private func credential(_ head: RequestHead) -> String? {
    if let key = head.fields[header] { return key }
    if let value = head.fields["authorization"], let space = value.firstIndex(of: " "),
      value[..<space].lowercased() == "bearer"
    {
      return String(value[value.index(after: space)...].withoutOuterSpace)
    }
    guard head.fields["sec-websocket-protocol"] != nil else { return nil }
    for value in head.fields.values(of: "sec-websocket-protocol") {
      for part in value.split(separator: ",").map(\.withoutOuterSpace) where part.hasPrefix(Self.keyProtocol) {
        return String(part.dropFirst(Self.keyProtocol.count))
      }
    }
    return nil
  }

  /// 401 with what RFC 9110 section 11.6.1 wants beside it.
  static func refusal(_ code: String, _ message: String) -> Problem {
    var problem = Problem(.unauthorized, code: code, message)
    problem.fields = HeaderFields([("www-authenticate", "Bearer realm=\"vibegrapher\"")])
    return problem
  }

  /// 429 with when to come back (RFC 6585 section 4).
  static func tooMany(_ code: String, _ message: String, seconds: Int) -> Problem {
    var problem = Problem(.tooManyRequests, code: code, message)
    problem.fields["retry-after"] = "\(seconds)"
    return problem
  }
}
