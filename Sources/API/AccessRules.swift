import HTTP
import HTTPTypes
import Server

/// Who may talk to a server that knows no keys: programs on this machine, and web pages of our own origin or of one that
/// `CORS_ORIGINS` names.
///
/// A page of any other origin is refused, also when it reaches us by a name of its own that it let point to 127.0.0.1
/// (DNS rebinding): the `Host` must be a name of the loopback or a listed one.
struct AccessRules: Sendable {
  private let configuration: APIConfiguration

  init(configuration: APIConfiguration) { self.configuration = configuration }

  /// Refuses a request that must not come in.
  @Sendable func check(_ request: Request) throws {
    if let host = request.head.fields["host"], !isOurs(host) {
      throw Problem(
        .forbidden, code: "host_not_allowed", "this server is not called '\(host)'; list the name in ALLOWED_HOSTS")
    }
    guard let origin = request.head.fields["origin"], !isAllowed(origin, host: request.head.fields["host"]) else {
      return
    }
    throw Problem(
      .forbidden, code: "origin_not_allowed",
      "pages of \(origin.prefix(200)) may not call this server; list it in CORS_ORIGINS")
  }

  private func isOurs(_ host: String) -> Bool {
    // The usual case, for every request: an exact name with at most a port.
    for name in ["127.0.0.1", "localhost"] where host.utf8.starts(with: name.utf8) {
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
    if configuration.corsOrigins.contains("*") || configuration.corsOrigins.contains(origin.lowercased()) {
      return true
    }
    guard let host else { return false }
    return ["http://\(host)", "https://\(host)"].contains(origin.lowercased())
  }

  /// Puts the CORS fields on an answer (Fetch standard, section 3.2), and answers preflights.
  @Sendable func decorate(_ response: inout Response, _ head: RequestHead?) {
    guard let head, let origin = head.fields["origin"], isAllowed(origin, host: head.fields["host"]) else { return }
    response.fields["access-control-allow-origin"] = origin
    response.fields["access-control-expose-headers"] = "X-Request-ID, Location, Link, ETag, Retry-After"
    response.fields.append("vary", "Origin")
    guard head.method == .options, let wanted = head.fields["access-control-request-method"] else { return }
    let methods = response.fields["allow"] ?? "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
    guard methods.contains(wanted) else { return }
    response.status = .noContent
    response.fields["access-control-allow-methods"] = methods
    response.fields["access-control-allow-headers"] = head.fields["access-control-request-headers"] ?? "*"
    response.fields["access-control-max-age"] = "600"
  }
}
