import HTTP
import HTTPTypes
import Server

/// From where a server may be talked to: by programs, and by web pages of our own origin or of one that `CORS_ORIGINS`
/// names.
///
/// Without keys a page of any other origin is refused, also when it reaches us by a name of its own that it let point to
/// 127.0.0.1 (DNS rebinding): the `Host` must be a name of the loopback or a listed one. `CORS_ORIGINS=*` lets the pages
/// of all others look, and no more. With keys a page has nothing but the key that it was given, since no browser sends
/// one by itself: the `Host` does not matter then. Cookies and the like are never asked for.
struct AccessRules: Sendable {
  private let configuration: APIConfiguration

  init(configuration: APIConfiguration) { self.configuration = configuration }

  /// Who a request without a key comes from while there are no keys.
  ///
  /// - Throws: `Problem` 403 for a request that must not come in.
  func keyless(_ head: RequestHead) throws -> Caller {
    if let host = head.fields["host"], !isOurs(host) {
      throw Problem(
        .forbidden, code: "host_not_allowed",
        "this server is not called '\(host.prefix(200))'; list the name in ALLOWED_HOSTS")
    }
    guard let origin = head.fields["origin"] else { return .local }
    try checkOrigin(head)
    return isTrusted(origin, host: head.fields["host"]) ? .local : Caller(.page(origin: origin), scopes: .read)
  }

  /// Refuses a web page that may not call this server.
  func checkOrigin(_ head: RequestHead) throws {
    guard let origin = head.fields["origin"], !isAllowed(origin, host: head.fields["host"]) else { return }
    throw Problem(
      .forbidden, code: "origin_not_allowed",
      "pages of \(origin.prefix(200)) may not call this server; list it in CORS_ORIGINS")
  }

  private func isOurs(_ host: String) -> Bool {
    // The usual case, for every request: an exact name with at most a port.
    if host.hasPrefix("127.0.0.1") || host.hasPrefix("localhost") {
      let rest = host.utf8.dropFirst(9)
      if rest.isEmpty || rest.first == UInt8(ascii: ":") { return true }
    }
    let name = Self.name(host)
    let isLoopbackAddress = name.hasPrefix("127.") && name.allSatisfy { $0.isNumber || $0 == "." }
    return isLoopbackAddress || name == "localhost" || name == "[::1]" || configuration.hosts.contains(name)
      || configuration.hosts.contains("*")
  }

  private static func name(_ host: String) -> String {
    let lower = host.lowercased()
    if lower.hasPrefix("["), let end = lower.firstIndex(of: "]") { return String(lower[...end]) }
    return String(lower.split(separator: ":", omittingEmptySubsequences: false).first ?? "")
  }

  private func isAllowed(_ origin: String, host: String?) -> Bool {
    configuration.corsOrigins.contains("*") || isTrusted(origin, host: host)
  }

  /// Whether an origin is our own or listed by its name.
  private func isTrusted(_ origin: String, host: String?) -> Bool {
    let origin = origin.lowercased()
    if origin != "*", configuration.corsOrigins.contains(origin) { return true }
    guard let host = host?.lowercased() else { return false }
    return origin == "http://\(host)" || origin == "https://\(host)"
  }

  /// Whether a browser asks if a page may send a request (Fetch standard, section 3.2.2): it sends no key with that.
  static func isPreflight(_ head: RequestHead) -> Bool {
    head.method == .options && head.fields["origin"] != nil && head.fields["access-control-request-method"] != nil
  }

  /// Puts the CORS fields on an answer (Fetch standard, section 3.2), and answers preflights; without keys the pages of
  /// origins that are not trusted may look only.
  func decorate(_ response: inout Response, _ head: RequestHead?, isKeyed: Bool) {
    guard let head, let origin = head.fields["origin"], isAllowed(origin, host: head.fields["host"]) else { return }
    response.fields["access-control-allow-origin"] = origin
    response.fields["access-control-expose-headers"] =
      "X-Request-ID, Location, Link, ETag, Retry-After, WWW-Authenticate"
    response.fields.append("vary", "Origin")
    guard head.method == .options, let wanted = head.fields["access-control-request-method"] else { return }
    let methods = response.fields["allow"] ?? "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
    let isTrusted = isKeyed || isTrusted(origin, host: head.fields["host"])
    guard methods.contains(wanted), isTrusted || wanted == "GET" || wanted == "HEAD" else { return }
    response.status = .noContent
    response.fields["access-control-allow-methods"] = isTrusted ? methods : "GET, HEAD"
    response.fields["access-control-allow-headers"] = head.fields["access-control-request-headers"] ?? "*"
    response.fields["access-control-max-age"] = "600"
  }
}
