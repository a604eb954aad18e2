import JSON
import Testing

@Suite struct `JSON texts` {
  @Test(arguments: [
    "null", "true", "false", "0", "-0", "12", "-3", "1.5", "1e3", "1E-2", "\"\"", "\"a\"", "[]", "[1,2]", "{}",
    "{\"a\":1}",
    " [ 1 , { \"a\" : null } ] ", "\"\\u00e9\\n\\\\\\/\\\"\"", "\"\\ud83d\\ude00\"", "\"é😀\"", "9223372036854775807",
    "[[[[[]]]]]", "\"\u{7F}\"", "\u{FEFF}1", "123456789012345678901234567890",
  ])
  func `that RFC 8259 allows are taken, and written again mean the same`(text: String) throws {
    let value = try JSONParser.parse(text)
    let again = try JSONParser.parse(value.encodedText)
    #expect(again == value)
  }

  @Test(arguments: [
    ("", 0), (" ", 0), ("nul", 3), ("truex", 4), ("01", 0), ("-", 1), ("1.", 2), (".5", 0), ("1e", 2), ("+1", 0),
    ("NaN", 0),
    ("\"", 1), ("\"\\x\"", 2), ("\"\\u12\"", 5), ("\"\\ud800\"", 3), ("\"\\udc00\"", 3), ("\"\t\"", 1), ("[1,]", 3),
    ("[1 2]", 3),
    ("[", 1), ("{\"a\"}", 4), ("{\"a\":}", 5), ("{a:1}", 1), ("{\"a\":1,}", 7), ("1 2", 2), ("'a'", 0), ("// c\n1", 0),
    ("]", 0),
    ("1e999", 0),
  ])
  func `that it does not are refused at the place`(text: String, offset: Int) {
    let error = #expect(throws: JSONError.self) { try JSONParser.parse(text) }
    #expect(error?.offset == offset)
  }

  @Test(arguments: [[0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22]] as [[UInt8]])
  func `must be UTF-8`(bytes: [UInt8]) {
    let error = #expect(throws: JSONError.self) { try JSONParser.parse(bytes) }
    #expect(error?.code == .invalidUTF8)
  }

  @Test func `may nest so deep and no deeper`() throws {
    let depth = JSONParser.defaultMaximumDepth
    _ = try JSONParser.parse(String(repeating: "[", count: depth + 1) + String(repeating: "]", count: depth + 1))
    let error = #expect(throws: JSONError.self) { try JSONParser.parse(String(repeating: "[", count: 100_000)) }
    #expect(error?.code == .tooDeep)
  }

  @Test func `want more at every prefix`() {
    let text = #"{"a":[1,-2.5e3,true,null,"x\n😀"],"b":{"c":""}}"#
    let bytes = Array(text.utf8)
    for end in 0..<bytes.count {
      let error = #expect(throws: JSONError.self) { try JSONParser.parse(Array(bytes[..<end])) }
      let wantsMore = error.map { [.unexpectedEnd, .emptyInput].contains($0.code) } ?? false
      #expect(wantsMore, "\(end)")
    }
  }

  @Test func `keep the order of members, and the last of two of one name`() throws {
    let value = try JSONParser.parse(#"{"z":1,"a":2,"z":3}"#)
    #expect(value.encodedText == #"{"z":3,"a":2}"#)
    let many = try JSONParser.parse("{" + (0..<100).map { "\"k\($0 % 50)\":\($0)" }.joined(separator: ",") + "}")
    #expect(many.object?.members.count == 50)
    #expect(many["k7"]?.integer == 57)
  }

  @Test func `are written with what must be escaped, and no more`() {
    let text = JSONValue.string("a\"\\/\u{8}\u{C}\n\r\t\u{1}é😀\u{2028}").encodedText
    #expect(text == #""a\"\\/\b\f\n\r\t\u0001é😀"# + "\u{2028}\"")
    #expect(JSONValue.number(2).encodedText == "2.0")
    #expect(JSONValue(Double.nan) == .null)
  }
}
