import HTTPTypes
import JSON
import Server
import Store

/// The OpenAPI 3.1 document, written from the declarations that route and check.
enum OpenAPIDocument {
  /// The document for these routes.
  static func json(_ routes: [Route], keyHeader: String) -> JSONValue {
    var paths = JSONObject()
    for route in routes {
      let path = (route.isAtRoot ? "" : "/api/v1") + route.path.replacing("...}", with: "}")
      var item = paths[path]?.object ?? JSONObject()
      item[route.method.rawValue.lowercased()] = operation(route)
      paths[path] = .object(item)
    }
    let schemas = Schemas.all.map { ($0.name, $0.schema.json) }
    return [
      "openapi": "3.1.0",
      "info": [
        "title": "Vibegrapher", "version": .string(APIConfiguration.version),
        "description": "The back end of an AI-coding product. Every path is served at the root and under /api/v1.",
      ],
      "paths": .object(paths), "security": security,
      "components": [
        "schemas": .object(JSONObject(schemas)),
        "securitySchemes": [
          "apiKey": ["type": "apiKey", "in": "header", "name": .string(keyHeader)],
          "bearer": ["type": "http", "scheme": "bearer"],
        ],
      ], "x-events": events,
    ]
  }

  /// A key in either field, once there are keys.
  private static let security: JSONValue = [["apiKey": []], ["bearer": []]]

  private static func operation(_ route: Route) -> JSONValue {
    let access = route.access
    var members: [(String, JSONValue)] = [
      ("operationId", .string(route.id)), ("tags", [.string(route.area)]), ("summary", .string(route.summary)),
    ]
    if !route.about.isEmpty { members.append(("description", .string(route.about))) }
    let parameters =
      pathParameters(route) + route.parameters.map(queryParameter) + (route.takesIdempotencyKey ? [idempotencyKey] : [])
    if !parameters.isEmpty { members.append(("parameters", .array(parameters))) }
    if let body = route.body {
      members.append(
        (
          "requestBody",
          ["required": .bool(!route.isBodyOptional), "content": ["application/json": ["schema": body.json]]]
        ))
    }
    members.append(("responses", responses(route)))
    members.append(("x-scope", .string(access.isOpen ? "none" : access.scope.names.first ?? "none")))
    switch access.ownership {
    case .nothing: members.append(("x-owner", "none"))
    case .object(let kind, _): members.append(("x-owner", .string(kind.rawValue)))
    case .unknown: members.append(("x-owner", "unknown"))
    }
    if access.isOpen { members.append(("security", [])) }
    return .object(JSONObject(members))
  }

  private static func pathParameters(_ route: Route) -> [JSONValue] {
    route.path.split(separator: "/").filter { $0.hasPrefix("{") }.map { segment in
      let name = segment.dropFirst().dropLast().replacing("...", with: "")
      return ["name": .string(String(name)), "in": "path", "required": true, "schema": ["type": "string"]]
    }
  }

  private static func queryParameter(_ parameter: Route.Parameter) -> JSONValue {
    [
      "name": .string(parameter.name), "in": "query", "required": false, "description": .string(parameter.about),
      "schema": parameter.schema.json,
    ]
  }

  private static let idempotencyKey: JSONValue = [
    "name": "Idempotency-Key", "in": "header", "required": false, "schema": ["type": "string", "maxLength": 255],
    "description": "Sent again with the same key and body within a day, the request gets the first answer again.",
  ]

  private static func responses(_ route: Route) -> JSONValue {
    var responses = JSONObject()
    for answer in route.answers {
      var value: [(String, JSONValue)] = [("description", .string(answer.about))]
      if let schema = answer.schema {
        let content: [(String, JSONValue)] = [(answer.mediaType, ["schema": schema.json])]
        value.append(("content", .object(JSONObject(content))))
      }
      responses["\(answer.status.code)"] = .object(JSONObject(value))
    }
    var problems = route.problems
    if !route.access.isOpen { problems += [.unauthorized, .forbidden] }
    if route.path.contains("{"), !problems.contains(.notFound) { problems.append(.notFound) }
    if route.takesIdempotencyKey, !problems.contains(.conflict) { problems.append(.conflict) }
    if route.body != nil || !route.parameters.isEmpty { problems.append(.unprocessableContent) }
    for status in problems {
      responses["\(status.code)"] = [
        "description": .string(status.reasonPhrase),
        "content": ["application/problem+json": ["schema": Schema.reference("Problem").json]],
      ]
    }
    return .object(responses)
  }

  /// What the event streams carry, which OpenAPI itself cannot type.
  private static var events: JSONValue {
    .object(
      JSONObject(
        Schemas.events.map { event -> (String, JSONValue) in
          (event.name, ["topics": .array(event.topics.map { .string($0) }), "summary": .string(event.about)])
        }))
  }
}
