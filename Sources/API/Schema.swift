package import JSON
package import Server

/// What a JSON value must be: one declaration from which requests are checked and OpenAPI is written.
package indirect enum Schema: Sendable {
  /// Text with so many characters, or one of these.
  case string(minimum: Int = 0, maximum: Int? = nil, values: [String]? = nil)
  /// A whole number in a range.
  case integer(minimum: Int? = nil, maximum: Int? = nil)
  /// Any number.
  case number
  /// A boolean; in requests also `"true"`, `"yes"`, `"on"`, `1` and their opposites, as the original took them.
  case boolean
  /// A list.
  case array(Schema)
  /// An object with these members; others are ignored in requests.
  case object([Field])
  /// One of the named schemas.
  case reference(String)
  /// Anything.
  case any
  /// That, or null.
  case nullable(Schema)

  /// A member of an object.
  package struct Field: Sendable {
    let name: String
    let schema: Schema
    let isRequired: Bool
    let about: String
    let aliases: [String]

    /// A member that must be there.
    package static func required(_ name: String, _ schema: Schema, _ about: String = "", aliases: [String] = [])
      -> Field
    {
      Field(name: name, schema: schema, isRequired: true, about: about, aliases: aliases)
    }

    /// A member that may be left out or null.
    package static func optional(_ name: String, _ schema: Schema, _ about: String = "", aliases: [String] = [])
      -> Field
    {
      Field(name: name, schema: schema, isRequired: false, about: about, aliases: aliases)
    }
  }
}

extension Schema {
  /// The JSON Schema (2020-12, as OpenAPI 3.1 has it).
  var json: JSONValue {
    switch self {
    case .string(let minimum, let maximum, let values):
      var members: [(String, JSONValue)] = [("type", "string")]
      if minimum > 0 { members.append(("minLength", .integer(minimum))) }
      if let maximum { members.append(("maxLength", .integer(maximum))) }
      if let values { members.append(("enum", .array(values.map { .string($0) }))) }
      return .object(JSONObject(members))
    case .integer(let minimum, let maximum):
      var members: [(String, JSONValue)] = [("type", "integer")]
      if let minimum { members.append(("minimum", .integer(minimum))) }
      if let maximum { members.append(("maximum", .integer(maximum))) }
      return .object(JSONObject(members))
    case .number: return ["type": "number"]
    case .boolean: return ["type": "boolean"]
    case .array(let element): return ["type": "array", "items": element.json]
    case .object(let fields): return Self.json(of: fields)
    case .reference(let name): return ["$ref": .string("#/components/schemas/\(name)")]
    case .any: return [:]
    case .nullable(let schema): return ["anyOf": [schema.json, ["type": "null"]]]
    }
  }

  private static func json(of fields: [Field]) -> JSONValue {
    let properties = fields.map { field -> (String, JSONValue) in
      guard case .object(var object) = field.schema.json, !field.about.isEmpty else {
        return (field.name, field.schema.json)
      }
      object["description"] = .string(field.about)
      return (field.name, .object(object))
    }
    let required = fields.filter(\.isRequired).map { JSONValue.string($0.name) }
    return [
      "type": "object", "properties": .object(JSONObject(properties)), "required": .array(required),
    ]
  }

  /// The value as the handler wants it, or the faults that were found.
  package func check(_ value: JSONValue, at location: [String]) -> Result<JSONValue, ValidationFaults> {
    var errors: [Problem.FieldError] = []
    let checked = check(value, at: location, &errors)
    return errors.isEmpty ? .success(checked) : .failure(ValidationFaults(errors: errors))
  }

  private func check(_ value: JSONValue, at location: [String], _ errors: inout [Problem.FieldError]) -> JSONValue {
    func fault(_ type: String, _ message: String) { errors.append(.init(location, message, type: type)) }
    switch self {
    case .string(let minimum, let maximum, let values):
      if let (type, message) = Self.fault(in: value, minimum, maximum, values) { fault(type, message) }
    case .integer(let minimum, let maximum):
      guard let number = value.integer else {
        fault("int_type", "Input should be a valid integer")
        return value
      }
      if let minimum, number < minimum { fault("greater_than_equal", "Input should be at least \(minimum)") }
      if let maximum, number > maximum { fault("less_than_equal", "Input should be at most \(maximum)") }
      return .integer(number)
    case .number: if value.number == nil { fault("float_type", "Input should be a valid number") }
    case .boolean:
      guard let bool = Self.boolean(value) else {
        fault("bool_type", "Input should be a valid boolean")
        return value
      }
      return .bool(bool)
    case .array(let element):
      guard let elements = value.array else {
        fault("list_type", "Input should be a valid list")
        return value
      }
      return .array(
        elements.enumerated().map { element.check($1, at: location + ["\($0)"], &errors) })
    case .object(let fields): return Self.check(value, fields, at: location, &errors)
    case .nullable(let schema): return value.isNull ? value : schema.check(value, at: location, &errors)
    case .reference, .any: break
    }
    return value
  }

  /// What is wrong with a value that must be text.
  private static func fault(
    in value: JSONValue, _ minimum: Int, _ maximum: Int?, _ values: [String]?
  ) -> (type: String, message: String)? {
    guard let text = value.string else { return ("string_type", "Input should be a valid string") }
    // SQLite's text ends at a NUL for many of its readers.
    if text.utf8.contains(0) { return ("string_nul", "String should have no NUL character") }
    let count = text.unicodeScalars.count
    if count < minimum { return ("string_too_short", "String should have at least \(characters(minimum))") }
    if let maximum, count > maximum { return ("string_too_long", "String should have at most \(characters(maximum))") }
    guard let values, !values.contains(text) else { return nil }
    return ("enum", "Input should be " + values.map { "'\($0)'" }.joined(separator: " or "))
  }

  private static func characters(_ count: Int) -> String { count == 1 ? "1 character" : "\(count) characters" }

  private static func check(
    _ value: JSONValue, _ fields: [Field], at location: [String], _ errors: inout [Problem.FieldError]
  ) -> JSONValue {
    guard let object = value.object else {
      let message = "Input should be a valid dictionary or object to extract fields from"
      errors.append(.init(location, message, type: "model_attributes_type"))
      return value
    }
    var checked = JSONObject()
    for field in fields {
      let given = object[field.name] ?? field.aliases.lazy.compactMap { object[$0] }.first
      if let given, !(given.isNull && !field.isRequired) {
        checked[field.name] = field.schema.check(given, at: location + [field.name], &errors)
      } else if field.isRequired {
        errors.append(.init(location + [field.name], "Field required", type: "missing"))
      }
    }
    return .object(checked)
  }

  private static func boolean(_ value: JSONValue) -> Bool? {
    if let bool = value.bool { return bool }
    switch value.string?.lowercased() ?? value.integer.map(String.init) ?? "" {
    case "true", "yes", "on", "1", "t", "y": return true
    case "false", "no", "off", "0", "f", "n": return false
    default: return nil
    }
  }
}

/// The faults of a value, each with its place.
package struct ValidationFaults: Error {
  /// The faults.
  package let errors: [Problem.FieldError]
}
