import EventLog
import HTTPTypes
import JSON
import Server
import Services
import Store

/// What a route asks of its callers, found out once.
struct RouteAccess: Sendable {
  /// Whose the thing is that a path names.
  enum Ownership: Sendable, Hashable {
    /// The path names nothing that belongs to anybody.
    case nothing
    /// The object of that kind whose id is that segment.
    case object(OwnedKind, parameter: String)
    /// Nobody knows, so that only those get through who see everything.
    case unknown
  }

  let scope: Scopes
  let isOpen: Bool
  let ownership: Ownership
}

extension Route {
  /// What it asks of its callers.
  var access: RouteAccess {
    let isLooking = method == .get || method == .head
    return RouteAccess(
      scope: scope ?? (isLooking ? .read : .write), isOpen: Authenticator.isOpen(path), ownership: ownership)
  }

  private var ownership: RouteAccess.Ownership {
    let segments = path.split(separator: "/")
    guard isOwned, let place = segments.firstIndex(where: { $0.hasPrefix("{") }) else { return .nothing }
    guard place > 0, let kind = OwnedKind(segment: segments[place - 1]) else { return .unknown }
    return .object(kind, parameter: segments[place].filter { !"{.}".contains($0) })
  }
}

/// The one place where a caller's scopes and the owner of what it names are looked at, for every route and every topic.
///
/// What belongs to another is answered like what does not exist.
struct RouteGate: Sendable {
  let journal: Journal
  let keys: AccessKeys

  /// Lets a caller through to a route and to the object that the path names.
  ///
  /// - Throws: `Problem` 403 when the caller's scopes are too small, 404 when it may not see the object, 429 when its key
  ///   has spent its money of the day.
  func admit(_ request: Request, _ access: RouteAccess) async throws {
    guard !access.isOpen else { return }
    let caller = request.caller
    guard caller.scopes.contains(access.scope) else { throw refusal(caller, access.scope) }
    if access.scope == .execute, let id = caller.keyID, let key = keys.validKey(id: id),
      let seconds = try await keys.secondsUntilMoney(key)
    {
      throw Authenticator.tooMany(
        "daily_limit", "the key may spend \(key.dailyCostUsd ?? 0) US dollars a day (UTC); come back in \(seconds) s",
        seconds: seconds)
    }
    guard let owner = caller.confinement else { return }
    switch access.ownership {
    case .nothing: break
    case .object(let kind, let parameter):
      try await check(kind, request.parameters[parameter] ?? "", of: owner)
    case .unknown: throw Problem.notFound("Object")
    }
  }

  /// Checks the objects that the body and the query name.
  func check(_ call: Call) async throws {
    guard let owner = call.caller.confinement else { return }
    for member in (call.body.object?.members ?? []) + call.query.members {
      // One id, or several: `diff_id`, `diff_ids`.
      let name = member.name.hasSuffix("_ids") ? member.name.dropLast() : member.name[...]
      guard let kind = OwnedKind(member: name) else { continue }
      for id in (member.value.array ?? [member.value]).compactMap(\.string) { try await check(kind, id, of: owner) }
    }
  }

  private func check(_ kind: OwnedKind, _ id: String, of owner: String) async throws {
    guard try await journal.store.read({ db in try db.isOwned(kind, id: id, by: owner) }) else {
      throw Problem.notFound(kind.rawValue.prefix(1).uppercased() + kind.rawValue.dropFirst())
    }
  }

  /// Whether a caller may follow a topic; one that does not exist is nobody's.
  func sees(topic: String, _ caller: Caller) async throws -> Bool {
    guard let owner = caller.confinement else {
      // Who came in before there were keys has to come again with one.
      return caller.keyID != nil || !keys.isRequired
    }
    let parts = topic.split(separator: ":", maxSplits: 1)
    guard parts.count == 2, let kind = OwnedKind(rawValue: String(parts[0])) else { return false }
    let id = String(parts[1])
    return try await journal.store.read { db in try db.isOwned(kind, id: id, by: owner) }
  }

  /// An answer whose stream or WebSocket ends when the caller's key does.
  func bound(_ response: Response, to caller: Caller) -> Response {
    guard let id = caller.keyID else { return response }
    let keys = keys
    return response.ending { await keys.untilInvalid(id: id) }
  }

  private func refusal(_ caller: Caller, _ scope: Scopes) -> Problem {
    let scope = scope.names.first ?? ""
    switch caller.identity {
    case .page(let origin):
      return Problem(
        .forbidden, code: "origin_not_allowed",
        "pages of \(origin.prefix(200)) may only read; list the origin in CORS_ORIGINS by its name for more")
    case .nobody: return Authenticator.refusal("key_required", "an access key with the scope \(scope) is needed")
    case .local, .key:
      return Problem(
        .forbidden, code: "scope_too_small",
        "this needs a key with the scope \(scope), found one with \(caller.scopes.names.joined(separator: ", "))")
    }
  }
}
