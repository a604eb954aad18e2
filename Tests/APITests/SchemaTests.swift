import API
import JSON
import Server
import Testing

@Suite struct `Schemas` {
  private static let schema = Schema.object([
    .required("name", .string(minimum: 1, maximum: 5), aliases: ["title"]),
    .optional("count", .integer(minimum: 0, maximum: 9)),
    .optional("flag", .boolean), .optional("kind", .string(values: ["a", "b"])), .optional("tags", .array(.string())),
  ])

  @Test(arguments: [
    (#"{"name":"x"}"#, #"{"name":"x"}"#), (#"{"title":"x","more":1}"#, #"{"name":"x"}"#),
    (
      #"{"name":"x","count":3.0,"flag":"yes","kind":"b","tags":["t"]}"#,
      #"{"name":"x","count":3,"flag":true,"kind":"b","tags":["t"]}"#
    ),
    (#"{"name":"x","count":null,"flag":0}"#, #"{"name":"x","flag":false}"#),
    (#"{"name":"😀😀😀😀😀"}"#, #"{"name":"😀😀😀😀😀"}"#),
  ])
  func `take what fits, and only what they name`(text: String, wanted: String) throws {
    let checked = try Self.schema.check(try JSONParser.parse(text), at: ["body"]).get()
    #expect(checked.encodedText == wanted)
  }

  @Test(arguments: [
    ("{}", "name", "missing"), (#"{"name":1}"#, "name", "string_type"), (#"{"name":""}"#, "name", "string_too_short"),
    (#"{"name":"123456"}"#, "name", "string_too_long"), (#"{"name":"x","count":10}"#, "count", "less_than_equal"),
    (#"{"name":"x","count":-1}"#, "count", "greater_than_equal"), (#"{"name":"x","count":1.5}"#, "count", "int_type"),
    (#"{"name":"x","flag":"perhaps"}"#, "flag", "bool_type"), (#"{"name":"x","kind":"c"}"#, "kind", "enum"),
    (#"{"name":"x","tags":[1]}"#, "0", "string_type"), (#"{"name":null}"#, "name", "string_type"),
    ("[]", "body", "model_attributes_type"),
  ])
  func `name the field at fault and the fault`(text: String, field: String, type: String) throws {
    let value = try JSONParser.parse(text)
    let faults = #expect(throws: ValidationFaults.self) { try Self.schema.check(value, at: ["body"]).get() }
    #expect(faults?.errors.first?.location.last == field)
    #expect(faults?.errors.first?.type == type)
  }
}
