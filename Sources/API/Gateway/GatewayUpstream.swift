import HTTP
package import ModelProviders
import Platform

/// A provider behind the gateway: where it is, and the key that is sent to it in the place of the caller's token.
package struct GatewayUpstream: Sendable {
  /// The provider.
  package let provider: ProviderName
  private let baseURL: String
  private let key: Secret
  /// Takes the key out of what the provider answers: some repeat it in errors.
  let redactor: Redactor

  /// A provider at a place; one that wants no key is sent a word in its place, as the official clients do.
  package init(_ provider: ProviderName, at endpoint: ProviderEndpoint) {
    self.provider = provider
    baseURL = endpoint.baseURL
    key = endpoint.key ?? Secret("none")
    redactor = Redactor(keys: endpoint.key.map { [$0] } ?? [], knowsShapes: false)
  }

  /// The field that carries the key.
  var authorization: (name: String, value: Secret) {
    switch provider {
    case .openAI: ("authorization", Secret("Bearer \(key.revealed)"))
    case .anthropic: ("x-api-key", key)
    case .gemini: ("x-goog-api-key", key)
    }
  }

  /// The address for a path below the gateway and a query, both as the client wrote them.
  ///
  /// OpenAI's address ends with `/v1`: a client that writes it again means the same.
  func url(path: String, query: String?) -> String {
    let isRepeated = baseURL.hasSuffix("/v1") && (path == "/v1" || path.hasPrefix("/v1/"))
    return baseURL + (isRepeated ? String(path.dropFirst(3)) : path) + (query.map { "?\($0)" } ?? "")
  }
}

/// What a request to the gateway looks like from both sides.
struct GatewayRequest: Sendable {
  /// Fields that are the caller's business with us, or that are written anew.
  private static let dropped: Set<String> = [
    "host", "content-length", "expect", "authorization", "x-api-key", "x-goog-api-key", "api-key", "cookie",
    "accept-encoding",
  ]
  /// Fields of an answer that the connection writes itself.
  private static let rewritten: Set<String> = ["content-length", "date", "server", "set-cookie"]

  let head: RequestHead
  let provider: ProviderName

  /// The token: a bearer, `x-api-key`, `x-goog-api-key`, or for Gemini `?key=`.
  var token: String? {
    if let authorization = head.fields["authorization"] {
      let parts = authorization.split(separator: " ", maxSplits: 1)
      if parts.count == 2, parts[0].lowercased() == "bearer" { return String(parts[1].withoutOuterSpace) }
    }
    if let key = head.fields["x-api-key"] ?? head.fields["x-goog-api-key"] { return key }
    guard provider == .gemini else { return nil }
    return queryParts.first(where: Self.isKey).map { PercentEncoding.decode($0.dropFirst(4)) ?? "" }
  }

  /// The path below `/gateway/PROVIDER`, as it was written; nil when it leaves the provider's address.
  var path: String? {
    // Two segments before it, however they are encoded.
    let parts = head.path.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
    guard parts.count == 4 else { return "" }
    for segment in parts[3].split(separator: "/") {
      guard let decoded = PercentEncoding.decode(segment) else { return nil }
      let inner = decoded.split(whereSeparator: { $0 == "/" || $0 == "\\" })
      if inner.contains(".") || inner.contains("..") { return nil }
    }
    return "/" + parts[3]
  }

  /// The query without the token.
  var query: String? {
    guard provider == .gemini, queryParts.contains(where: Self.isKey) else { return head.query }
    let rest = queryParts.filter { !Self.isKey($0) }
    return rest.isEmpty ? nil : rest.joined(separator: "&")
  }

  private var queryParts: [Substring] {
    head.query?.split(separator: "&", omittingEmptySubsequences: false) ?? []
  }

  private static func isKey(_ part: Substring) -> Bool { part.hasPrefix("key=") }

  /// The fields that go on to the provider.
  ///
  /// Answers are asked for as they are: their usage could not be read in a coding.
  var passedFields: [(name: String, value: String)] {
    var fields = head.fields.endToEnd.filter { !Self.dropped.contains($0.name) }
      .map { (name: $0.name, value: $0.value) }
    fields.append(("accept-encoding", "identity"))
    return fields
  }

  /// The fields of an answer that go on to the client.
  static func answered(_ fields: [(name: String, value: String)]) -> HeaderFields {
    let all = HeaderFields(fields.map { ($0.name, $0.value) })
    return HeaderFields(all.endToEnd.filter { !rewritten.contains($0.name) }.map { ($0.name, $0.value) })
  }
}
