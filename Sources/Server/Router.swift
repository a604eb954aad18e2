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
    var handlers: [Entry] = []
    /// Serves the methods that have no handler of their own, but OPTIONS.
    var fallback: Entry?

    var isEmpty: Bool { handlers.isEmpty && fallback == nil }
  }

  private struct Entry: Sendable {
    let method: HTTPRequest.Method
    let names: [String]
    /// The place of its label.
    let label: Int
    let answerer: Answerer
  }

  /// What answers the requests of a route.
  enum Answerer: Sendable {
    case immediate(ImmediateHandler)
    case waiting(Handler)
  }

  /// How a route is called where requests are counted.
  package struct Label: Sendable, Hashable {
    /// The method.
    package let method: String
    /// The pattern.
    package let pattern: String
  }

  private var nodes = [Node()]
  private var fixed: [String: Int] = [:]
  /// How the routes are called; the first stands for requests that match none.
  package private(set) var labels = [Label(method: "any", pattern: "none")]

  /// A router without routes.
  package init() {}

  /// Adds a route; the first of two with one method and pattern wins; it is counted under another pattern when one is
  /// given.
  package mutating func add(
    _ method: HTTPRequest.Method, _ pattern: String, countedAs counted: String? = nil, _ handler: @escaping Handler
  ) {
    add(method, pattern, countedAs: counted, .waiting(handler))
  }

  /// Adds a route that needs no waiting; as above.
  package mutating func add(
    _ method: HTTPRequest.Method, _ pattern: String, countedAs counted: String? = nil,
    immediately handler: @escaping ImmediateHandler
  ) {
    add(method, pattern, countedAs: counted, .immediate(handler))
  }

  private mutating func add(
    _ method: HTTPRequest.Method, _ pattern: String, countedAs counted: String?, _ answerer: Answerer
  ) {
    let (node, names) = place(of: pattern)
    nodes[node].handlers.append(
      Entry(method: method, names: names, label: label(method.rawValue, counted ?? pattern), answerer: answerer))
  }

  /// Adds a route for every method that has none of its own; OPTIONS is answered here all the same.
  package mutating func addAny(_ pattern: String, _ handler: @escaping Handler) {
    let (node, names) = place(of: pattern)
    nodes[node].fallback = Entry(method: .get, names: names, label: label("any", pattern), answerer: .waiting(handler))
  }

  private mutating func label(_ method: String, _ pattern: String) -> Int {
    let label = Label(method: method, pattern: pattern)
    if !labels.contains(label) { labels.append(label) }
    return labels.firstIndex(of: label) ?? 0
  }

  /// The node of a pattern, made when it is new, and the names in the pattern.
  private mutating func place(of pattern: String) -> (node: Int, names: [String]) {
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
    return (node, names)
  }

  private mutating func child(of node: Int, _ place: WritableKeyPath<Node, Int?>) -> Int {
    if let next = nodes[node][keyPath: place] { return next }
    nodes.append(Node())
    nodes[node][keyPath: place] = nodes.count - 1
    return nodes.count - 1
  }

  /// What answers a request; its route is noted in the request with its parameters.
  ///
  /// - Throws: `Problem` 400, 404, 405 or 501 when there is no route.
  func answerer(for request: inout Request) throws -> Answerer {
    if let node = fixed[request.head.path], let match = find(request.head.method, in: node) {
      request.label = match.label
      return match.answerer
    }
    if request.head.method == .connect {
      throw Problem(.notImplemented, code: "not_implemented", "this server is no proxy: CONNECT is not served")
    }
    if request.head.path == "*" { return answer(allowing: allMethods) }
    let (node, values) = try match(request.head.path)
    guard let match = find(request.head.method, in: node) else { return try refuse(request.head, at: node) }
    for (name, value) in zip(match.names, values) { request.parameters[name] = value }
    request.label = match.label
    return match.answerer
  }

  private func answer(allowing methods: String) -> Answerer {
    .immediate { _ in Response(.noContent, fields: HeaderFields([("allow", methods)])) }
  }

  /// What `OPTIONS *` is told (RFC 9110 section 9.3.7).
  private var allMethods: String {
    let methods = Set(nodes.flatMap { $0.handlers.map(\.method.rawValue) })
    return methods.union(["HEAD", "OPTIONS"]).sorted().joined(separator: ", ")
  }

  private func find(_ method: HTTPRequest.Method, in node: Int) -> Entry? {
    let handlers = nodes[node].handlers
    return handlers.first { $0.method == method } ?? (method == .head ? handlers.first { $0.method == .get } : nil)
      ?? (method == .options ? nil : nodes[node].fallback)
  }

  private func refuse(_ head: RequestHead, at node: Int) throws -> Answerer {
    var methods = nodes[node].handlers.map(\.method.rawValue)
    if nodes[node].fallback != nil { methods = ["GET", "POST", "PUT", "PATCH", "DELETE"] }
    if methods.contains("GET") { methods.append("HEAD") }
    let allowed = (methods + ["OPTIONS"]).sorted().joined(separator: ", ")
    if head.method == .options { return answer(allowing: allowed) }
    var problem = Problem(
      .methodNotAllowed, code: "method_not_allowed",
      "\(head.method.rawValue) is not served at \(head.path); these are: \(allowed)")
    problem.fields["allow"] = allowed
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
    guard let found = descend(0, segments[...], []), !nodes[found.node].isEmpty else {
      throw Problem(.notFound, code: "no_such_route", "nothing is served at \(path); see /docs for what is")
    }
    return found
  }

  private func descend(_ node: Int, _ rest: ArraySlice<String>, _ values: [String]) -> (node: Int, values: [String])? {
    guard let segment = rest.first else { return nodes[node].isEmpty ? nil : (node, values) }
    if let next = nodes[node].literals[segment], let found = descend(next, rest.dropFirst(), values) { return found }
    if let next = nodes[node].parameter, !segment.isEmpty,
      let found = descend(next, rest.dropFirst(), values + [segment])
    {
      return found
    }
    return nodes[node].rest.map { ($0, values + [rest.joined(separator: "/")]) }
  }
}
