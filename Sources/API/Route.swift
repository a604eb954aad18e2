import Crypto
import HTTP
import HTTPTypes
package import JSON
package import Server
import Services

/// One operation of the API: from this one declaration come its routing, its checks and its page in OpenAPI.
package struct Route: Sendable {
  /// A query parameter.
  struct Parameter: Sendable {
    let name: String
    let schema: Schema
    let about: String
  }

  /// What an answer may be.
  struct Answer: Sendable {
    let status: HTTPResponse.Status
    let about: String
    let schema: Schema?
    let mediaType: String

    static func json(_ status: HTTPResponse.Status, _ schema: Schema, _ about: String) -> Answer {
      Answer(status: status, about: about, schema: schema, mediaType: "application/json")
    }

    static func empty(_ status: HTTPResponse.Status, _ about: String) -> Answer {
      Answer(status: status, about: about, schema: nil, mediaType: "")
    }

    static func text(_ mediaType: String, _ about: String) -> Answer {
      Answer(status: .ok, about: about, schema: .string(), mediaType: mediaType)
    }
  }

  let method: HTTPRequest.Method
  let path: String
  let id: String
  let area: String
  let summary: String
  var about = ""
  var parameters: [Parameter] = []
  /// What the body must be; nil when it is not read.
  var body: Schema?
  /// Whether a request without a body is taken for an empty object.
  var isBodyOptional = false
  let answers: [Answer]
  /// The statuses of problem JSON that it may answer beside those that every operation may.
  var problems: [HTTPResponse.Status] = []
  /// Whether it is served at the root as well as under `/api/v1`.
  var isAtRoot = true
  /// Another pattern at the root by which it is served, too.
  var alias: String?
  /// What a key must be good for; nil for `read` when it only looks and `write` otherwise.
  var scope: Scopes?
  /// Whether the first id in its path is that of a project or of what hangs on one.
  var isOwned = true
  /// Whether its answer holds a secret, which must not be kept.
  var isAnswerSecret = false
  /// What answers it; nil when `immediately` does.
  var handler: (@Sendable (Call) async throws -> Response)?
  /// What answers it without waiting, where nothing is asked of the caller or the request.
  var immediately: (@Sendable () throws -> Response)?
}

/// A request that was checked against its route.
package struct Call: Sendable {
  /// The request.
  package let request: Request
  /// The body with what the schema names; null when the route has none.
  package let body: JSONValue
  /// The query parameters of the route, checked.
  package let query: JSONObject
  /// Who sends it.
  package var caller: Caller { request.caller }

  /// A segment of the path by its name in the pattern.
  package func parameter(_ name: String) -> String { request.parameters[name] ?? "" }
}

extension Route {
  /// Whether a client may send it twice with one `Idempotency-Key` and have it done once: every POST that makes
  /// something or begins some work.
  var takesIdempotencyKey: Bool {
    method == .post && !isAnswerSecret && answers.contains { $0.status == .created || $0.status == .accepted }
  }

  /// Puts it on a router, by each of its patterns.
  ///
  /// Its handler checks the caller, reads and checks the request, then answers it; a body may have so many bytes.
  func register(on router: inout Router, bodyLimit: Int, idempotency: IdempotencyService, gate: RouteGate) {
    let patterns = (isAtRoot ? [path] : []) + ["/api/v1" + path] + (alias.map { [$0] } ?? [])
    let access = access
    if let immediately, access.isOpen {
      for pattern in patterns { router.add(method, pattern, countedAs: path, immediately: { _ in try immediately() }) }
      return
    }
    let handler: Handler = { request in
      try await RequestContext.$id.withValue(request.id) {
        try await answer(request, access, bodyLimit: bodyLimit, idempotency, gate)
      }
    }
    for pattern in patterns { router.add(method, pattern, countedAs: path, handler) }
  }

  private func answer(
    _ request: Request, _ access: RouteAccess, bodyLimit: Int, _ idempotency: IdempotencyService, _ gate: RouteGate
  ) async throws -> Response {
    try await gate.admit(request, access)
    var call = Call(request: request, body: .null, query: JSONObject())
    if body != nil || !parameters.isEmpty {
      var faults: [Problem.FieldError] = []
      let query = checkedQuery(request, &faults)
      var checked = JSONValue.null
      if let body {
        let bytes = try await request.body.collect(upTo: bodyLimit)
        checked = try checkedBody(bytes, body, &faults)
      }
      guard faults.isEmpty else { throw Problem.validation(faults) }
      call = Call(request: request, body: checked, query: query)
      if !access.isOpen { try await gate.check(call) }
    }
    return gate.bound(try await respond(call, idempotency), to: request.caller)
  }

  private func respond(_ call: Call, _ idempotency: IdempotencyService) async throws -> Response {
    do {
      guard takesIdempotencyKey, let key = call.request.head.fields["idempotency-key"] else {
        return try await handle(call)
      }
      return try await answerOnce(call, key: key, idempotency)
    } catch let error { throw ProblemTable.problem(for: error) }
  }

  private func handle(_ call: Call) async throws -> Response {
    if let handler { return try await handler(call) }
    return try immediately?() ?? Response(.notImplemented)
  }

  private func answerOnce(_ call: Call, key: String, _ idempotency: IdempotencyService) async throws -> Response {
    guard (1...255).contains(key.utf8.count), key.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
      throw ServiceError(
        .invalid, "an Idempotency-Key has 1 to 255 printable ASCII characters", location: ["header", "Idempotency-Key"])
    }
    let digest = SHA256.hash(data: call.body.encodedBytes)
    // Keys of one caller have nothing to do with those of another.
    let owner = call.caller.owner.map { "\($0) " } ?? ""
    let answer = try await idempotency.once(
      key, operation: "\(owner)\(method) \(call.request.head.path)",
      bodyHash: digest.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    ) {
      let response = try await handle(call)
      guard case .bytes(let body) = response.body else {
        return .init(status: response.status.code, fields: response.fields.fields.map { ($0.name, $0.value) }, body: [])
      }
      return .init(status: response.status.code, fields: response.fields.fields.map { ($0.name, $0.value) }, body: body)
    }
    return Response(
      HTTPResponse.Status(code: answer.status), fields: HeaderFields(answer.fields), body: .bytes(answer.body))
  }

  private func checkedQuery(_ request: Request, _ faults: inout [Problem.FieldError]) -> JSONObject {
    var query = JSONObject()
    for parameter in parameters {
      guard let text = request.query(parameter.name) else { continue }
      var value = JSONValue.string(text)
      if case .integer = parameter.schema, let number = Int(text) { value = .integer(number) }
      switch parameter.schema.check(value, at: ["query", parameter.name]) {
      case .success(let checked): query[parameter.name] = checked
      case .failure(let found): faults += found.errors
      }
    }
    return query
  }

  /// A JSON body is taken whatever content type the client says: `curl -d` says form.
  private func checkedBody(
    _ bytes: [UInt8], _ schema: Schema, _ faults: inout [Problem.FieldError]
  ) throws -> JSONValue {
    var value = JSONValue.object(JSONObject())
    if bytes.allSatisfy({ $0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }) {
      guard isBodyOptional else {
        faults.append(.init(["body"], "Field required", type: "missing"))
        return .null
      }
    } else {
      do { value = try JSONParser.parse(bytes) } catch {
        faults.append(.init(["body", "\(error.offset)"], "JSON decode error: \(error.message)", type: "json_invalid"))
        return .null
      }
    }
    if isBodyOptional, value.isNull { value = .object(JSONObject()) }
    switch schema.check(value, at: ["body"]) {
    case .success(let checked): return checked
    case .failure(let found):
      faults += found.errors
      return .null
    }
  }
}
