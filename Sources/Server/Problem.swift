package import HTTP
package import HTTPTypes
package import JSON

/// An error answer in problem JSON (RFC 9457): `type, title, status, detail, instance, request_id, code`.
package struct Problem: Error, Sendable {
  /// One field of a request that was not as wanted.
  package struct FieldError: Sendable, Hashable {
    /// Where: `["body", "name"]`; an index or a byte offset is written in decimal.
    package let location: [String]
    /// What was wanted, for a person.
    package let message: String
    /// What kind of fault it is, for a program: `missing`, `string_type`, ...
    package let type: String

    /// An error at that place.
    package init(_ location: [String], _ message: String, type: String) {
      self.location = location
      self.message = message
      self.type = type
    }
  }

  /// The status.
  package var status: HTTPResponse.Status
  /// A word for programs, also the end of `type`.
  package var code: String
  /// One sentence for a person: what was wanted, what was found, what to do.
  package var detail: String
  /// The fields at fault; makes the answer a 422 with `errors` and `message`.
  package var errors: [FieldError] = []
  /// Members of the answer beside the usual ones.
  package var members: [(String, JSONValue)] = []
  /// Fields of the answer, such as `Allow`.
  package var fields = HeaderFields()

  /// A problem with that status.
  package init(_ status: HTTPResponse.Status, code: String, _ detail: String) {
    self.status = status
    self.code = code
    self.detail = detail
  }

  /// A 422 that names each field at fault.
  package static func validation(_ errors: [FieldError]) -> Problem {
    let places = errors.map { "\($0.location.joined(separator: ".")): \($0.message)" }.joined(separator: "; ")
    var problem = Problem(.unprocessableContent, code: "validation_failed", places)
    problem.errors = errors
    return problem
  }

  /// A 404 for something that is not there, or not the caller's.
  package static func notFound(_ what: String) -> Problem { Problem(.notFound, code: "not_found", "\(what) not found") }

  /// The answer to a request.
  package func response(instance: String, requestID: String) -> Response {
    var body: [(String, JSONValue)] = [
      ("type", .string("urn:vibegrapher:problem:\(code)")), ("title", .string(status.reasonPhrase)),
      ("status", .integer(status.code)), ("detail", .string(detail)), ("code", .string(code)),
      ("instance", .string(instance)), ("request_id", .string(requestID)),
    ]
    if !errors.isEmpty {
      body.append(("message", "Validation failed for request data"))
      body.append(("errors", .array(errors.map(Self.encode))))
    }
    body.append(contentsOf: members)
    var response = Response.json(.object(JSONObject(body)), status)
    response.fields = fields
    response.fields["content-type"] = "application/problem+json"
    return response
  }

  private static func encode(_ error: FieldError) -> JSONValue {
    let location = error.location.map { part in Int(part).map { JSONValue.integer($0) } ?? .string(part) }
    return ["loc": .array(location), "msg": .string(error.message), "type": .string(error.type)]
  }
}
