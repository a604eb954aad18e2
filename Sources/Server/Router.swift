import HTTP
package import HTTPTypes

/// Finds the handler of a request by method and path.
///
/// Patterns are literal segments, `{name}` for one segment, and `{name...}` at the end for the rest. A literal segment
/// goes before a named one. HEAD is served by GET's handler; OPTIONS and 405 are answered from what is registered.
package struct Router: Sendable {
  private struct Node: Sendable {
    var literals: [String: Int] = [:]
    var parameter: Int?
    var rest: Int?
    var handlers: [(method: HTTPRequest.Method, names: [String], handler: Handler)] = []
  }

  private var nodes = [Node()]
  private var fixed: [String: Int] = [:]

  /// A router without routes.
  package init() {}

  /// Adds a route; the first of two with one method and pattern wins.
  package mutating func add(_ method: HTTPRequest.Method, _ pattern: String, _ handler: @escaping Handler) {
    var node = 0
    var names: [String] = []
    for segment in pattern.split(separator: "/") {
      if segment.hasPrefix("{"), segment.hasSuffix("...}") {
        names.append(String(segment.dropFirst().dropLast(4)))
        node = child(of: node, \.rest)
      } else if segment.hasPrefix("{") {
        names.append(String(segment.dropFirst().dropLast()))
        node = child(of: node, \.parameter)
      } else if let next = nodes[node].literals[String(segment)] {
        node = next
      } else {
        nodes.append(Node())
        nodes[node].literals[String(segment)] = nodes.count - 1
        node = nodes.count - 1
      }
    }
    if names.isEmpty { fixed[pattern] = node }
    nodes[node].handlers.append((method, names, handler))
  }

  private mutating func child(of node: Int, _ place: WritableKeyPath<Node, Int?>) -> Int {
    if let next = nodes[node][keyPath: place] { return next }
    nodes.append(Node())
    nodes[node][keyPath: place] = nodes.count - 1
    return nodes.count - 1
  }

  /// Answers a request by its route.
  ///
  /// - Throws: what the handler throws; `Problem` 400, 404 or 405 when there is no route.
  func respond(to request: Request) async throws -> Response {
    var request = request
    if request.head.method == .connect {
      throw Problem(.notImplemented, code: "not_implemented", "this server is no proxy: CONNECT is not served")
    }
    if request.head.path == "*" { return Response(.noContent, fields: HeaderFields([("allow", allMethods)])) }
    if let node = fixed[request.head.path], let match = find(request.head.method, in: node) {
      return try await match.handler(request)
    }
    let (node, values) = try match(request.head.path)
    guard let match = find(request.head.method, in: node) else { return try refuse(request.head, at: node) }
    for (name, value) in zip(match.names, values) { request.parameters[name] = value }
    return try await match.handler(request)
  }

  /// What `OPTIONS *` is told (RFC 9110 section 9.3.7).
  private var allMethods: String {
    let methods = Set(nodes.flatMap { $0.handlers.map(\.method.rawValue) })
    return methods.union(["HEAD", "OPTIONS"]).sorted().joined(separator: ", ")
  }

  private func find(_ method: HTTPRequest.Method, in node: Int) -> (names: [String], handler: Handler)? {
    let handlers = nodes[node].handlers
    let found = handlers.first { $0.method == method } ?? (method == .head ? handlers.first { $0.method == .get } : nil)
    return found.map { ($0.names, $0.handler) }
  }

  private func refuse(_ head: RequestHead, at node: Int) throws -> Response {
    var methods = nodes[node].handlers.map(\.method.rawValue)
    if methods.contains("GET") { methods.append("HEAD") }
    let allow = HeaderFields([("allow", (methods + ["OPTIONS"]).sorted().joined(separator: ", "))])
    if head.method == .options { return Response(.noContent, fields: allow) }
    var problem = Problem(
      .methodNotAllowed, code: "method_not_allowed",
      "\(head.method.rawValue) is not served at \(head.path); these are: \(allow["allow"] ?? "")")
    problem.fields = allow
    throw problem
  }

  private func match(_ path: String) throws(Problem) -> (node: Int, values: [String]) {
    var segments: [String] = []
    for segment in path.split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
      guard let segment = PercentEncoding.decode(segment), !segment.utf8.contains(0) else {
        throw Problem(.badRequest, code: "bad_path", "the path must be percent-encoded UTF-8 without NUL")
      }
      segments.append(segment)
    }
    if segments.last == "" { segments.removeLast() }
    guard let found = descend(0, segments[...], []), !nodes[found.node].handlers.isEmpty else {
      throw Problem(.notFound, code: "no_such_route", "nothing is served at \(path); see /docs for what is")
    }
    return found
  }

  private func descend(_ node: Int, _ rest: ArraySlice<String>, _ values: [String]) -> (node: Int, values: [String])? {
    guard let segment = rest.first else { return nodes[node].handlers.isEmpty ? nil : (node, values) }
    if let next = nodes[node].literals[segment], let found = descend(next, rest.dropFirst(), values) { return found }
    if let next = nodes[node].parameter, !segment.isEmpty,
      let found = descend(next, rest.dropFirst(), values + [segment])
    {
      return found
    }
    return nodes[node].rest.map { ($0, values + [rest.joined(separator: "/")]) }
  }
}
