import JSON

/// The least value that a JSON Schema allows: what it requires, or all that it names where it says nothing about that,
/// and of each thing the smallest.
enum SchemaExample {
  /// Levels of a schema that are followed; schemas may refer to themselves.
  private static let depthLimit = 16

  static func of(_ schema: JSONValue) -> JSONValue { value(schema, in: schema, depth: 0) }

  private static func value(_ schema: JSONValue, in root: JSONValue, depth: Int) -> JSONValue {
    guard depth < depthLimit else { return nil }
    if let name = schema["$ref"]?.string?.split(separator: "/").last {
      let definition = root["$defs"]?[String(name)] ?? root["definitions"]?[String(name)] ?? [:]
      return value(definition, in: root, depth: depth + 1)
    }
    if let fixed = schema["const"] ?? schema["default"] ?? schema["enum"]?.array?.first { return fixed }
    for name in ["anyOf", "oneOf", "allOf"] {
      if let first = schema[name]?.array?.first { return value(first, in: root, depth: depth + 1) }
    }
    switch (schema["type"]?.string ?? schema["type"]?.array?.first?.string)?.lowercased() {
    case "string": return .string(String(repeating: "x", count: min(1000, max(0, schema["minLength"]?.integer ?? 0))))
    case "integer": return .integer(schema["minimum"]?.integer ?? 0)
    case "number": return schema["minimum"] ?? 0
    case "boolean": return false
    case "null": return nil
    case "array":
      let item = value(schema["items"] ?? [:], in: root, depth: depth + 1)
      return .array(Array(repeating: item, count: min(100, max(0, schema["minItems"]?.integer ?? 0))))
    default:
      let named = schema["properties"]?.object?.members.map(\.name) ?? []
      let required = schema["required"]?.array?.compactMap(\.string) ?? named
      return .object(
        JSONObject(required.map { ($0, value(schema["properties"]?[$0] ?? [:], in: root, depth: depth + 1)) }))
    }
  }
}
