/// Reads one JSON text (RFC 8259) from bytes.
///
/// Strict: no comments, no trailing commas, no bare control characters in strings, no lone surrogates, valid UTF-8
/// only. A byte order mark at the start is skipped. Nesting is bounded, so that no text can exhaust the stack.
package struct JSONParser {
  private let bytes: [UInt8]
  private var position = 0
  private let maximumDepth: Int

  /// How deep arrays and objects may nest.
  package static var defaultMaximumDepth: Int { 128 }

  private init(_ bytes: [UInt8], maximumDepth: Int) {
    self.bytes = bytes
    self.maximumDepth = maximumDepth
  }

  /// The value of a whole text.
  ///
  /// - Throws: `JSONError` with the byte offset of the first departure.
  package static func parse(
    _ bytes: [UInt8], maximumDepth: Int = defaultMaximumDepth
  ) throws(JSONError) -> JSONValue {
    var parser = JSONParser(bytes, maximumDepth: maximumDepth)
    if bytes.count >= 3, bytes[0] == 0xEF, bytes[1] == 0xBB, bytes[2] == 0xBF { parser.position = 3 }
    parser.skipWhitespace()
    guard parser.position < bytes.count else {
      throw JSONError(.emptyInput, "wanted a JSON value, found nothing", at: 0)
    }
    let value = try parser.value(depth: 0)
    parser.skipWhitespace()
    guard parser.position == bytes.count else {
      throw JSONError(.trailingBytes, "wanted the end of the JSON text, found more", at: parser.position)
    }
    return value
  }

  /// The value of a whole text held in a string.
  package static func parse(_ text: String) throws(JSONError) -> JSONValue {
    try parse(Array(text.utf8))
  }

  private mutating func skipWhitespace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x09, 0x0A, 0x0D: position += 1
      default: return
      }
    }
  }

  private func next(_ wanted: String) throws(JSONError) -> UInt8 {
    guard position < bytes.count else {
      throw JSONError(.unexpectedEnd, "wanted \(wanted), found the end of the text", at: position)
    }
    return bytes[position]
  }

  private func unexpected(_ wanted: String) -> JSONError {
    let byte = bytes[position]
    let found = byte > 0x20 && byte < 0x7F ? "'\(Character(UnicodeScalar(byte)))'" : "byte \(byte)"
    return JSONError(.unexpectedByte, "wanted \(wanted), found \(found)", at: position)
  }

  private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
    guard depth <= maximumDepth else {
      throw JSONError(.tooDeep, "nesting is deeper than \(maximumDepth) levels", at: position)
    }
    switch try next("a value") {
    case UInt8(ascii: "{"): return .object(try object(depth: depth))
    case UInt8(ascii: "["): return .array(try array(depth: depth))
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try literal("true", .bool(true))
    case UInt8(ascii: "f"): return try literal("false", .bool(false))
    case UInt8(ascii: "n"): return try literal("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default: throw unexpected("a value")
    }
  }

  private mutating func literal(_ word: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
    for expected in word.description.utf8 {
      guard try next("'\(word)'") == expected else { throw unexpected("'\(word)'") }
      position += 1
    }
    return value
  }

  private mutating func array(depth: Int) throws(JSONError) -> [JSONValue] {
    position += 1
    skipWhitespace()
    var elements: [JSONValue] = []
    if try next("a value or ']'") == UInt8(ascii: "]") {
      position += 1
      return elements
    }
    while true {
      skipWhitespace()
      elements.append(try value(depth: depth + 1))
      skipWhitespace()
      switch try next("',' or ']'") {
      case UInt8(ascii: ","): position += 1
      case UInt8(ascii: "]"):
        position += 1
        return elements
      default: throw unexpected("',' or ']'")
      }
    }
  }

  private mutating func object(depth: Int) throws(JSONError) -> JSONObject {
    position += 1
    skipWhitespace()
    var members: [(String, JSONValue)] = []
    if try next("a member name or '}'") == UInt8(ascii: "}") {
      position += 1
      return JSONObject()
    }
    while true {
      skipWhitespace()
      guard try next("a member name") == UInt8(ascii: "\"") else { throw unexpected("a member name") }
      let name = try string()
      skipWhitespace()
      guard try next("':'") == UInt8(ascii: ":") else { throw unexpected("':'") }
      position += 1
      skipWhitespace()
      members.append((name, try value(depth: depth + 1)))
      skipWhitespace()
      switch try next("',' or '}'") {
      case UInt8(ascii: ","): position += 1
      case UInt8(ascii: "}"):
        position += 1
        return makeObject(members)
      default: throw unexpected("',' or '}'")
      }
    }
  }

  /// Keeps building linear for large objects: look-up by scan is for the few dozen members of usual ones.
  private func makeObject(_ members: [(String, JSONValue)]) -> JSONObject {
    guard members.count > 32 else { return JSONObject(members) }
    var places: [String: Int] = [:]
    var distinct: [(name: String, value: JSONValue)] = []
    for (name, value) in members {
      if let place = places[name] {
        distinct[place].value = value
      } else {
        places[name] = distinct.count
        distinct.append((name, value))
      }
    }
    return JSONObject(distinct: distinct)
  }
}

extension JSONParser {
  private mutating func number() throws(JSONError) -> JSONValue {
    let start = position
    if bytes[position] == UInt8(ascii: "-") { position += 1 }
    let firstDigit = position
    try digits("a digit")
    if bytes[firstDigit] == UInt8(ascii: "0"), position - firstDigit > 1 {
      throw JSONError(.invalidNumber, "a number must not start with 0", at: firstDigit)
    }
    var isInteger = true
    if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
      isInteger = false
      position += 1
      try digits("a digit after the decimal point")
    }
    if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
      isInteger = false
      position += 1
      if position < bytes.count, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-") {
        position += 1
      }
      try digits("a digit of the exponent")
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isInteger, let value = Int(text) { return .integer(value) }
    guard let value = Double(text), value.isFinite else {
      throw JSONError(.invalidNumber, "the number is out of range", at: start)
    }
    return .number(value)
  }

  private mutating func digits(_ wanted: String) throws(JSONError) {
    let start = position
    while position < bytes.count, bytes[position] >= UInt8(ascii: "0"), bytes[position] <= UInt8(ascii: "9") {
      position += 1
    }
    guard position > start else {
      _ = try next(wanted)
      throw unexpected(wanted)
    }
  }

  private mutating func string() throws(JSONError) -> String {
    position += 1
    let start = position
    while position < bytes.count {
      let byte = bytes[position]
      if byte == UInt8(ascii: "\"") {
        defer { position += 1 }
        return try text(start..<position)
      }
      if byte == UInt8(ascii: "\\") { return try escapedString(from: start) }
      guard byte >= 0x20 else {
        throw JSONError(.invalidString, "a control character must be escaped in a string", at: position)
      }
      position += 1
    }
    throw JSONError(.unexpectedEnd, "wanted the end of a string, found the end of the text", at: position)
  }

  private func text(_ range: Range<Int>) throws(JSONError) -> String {
    guard let text = String(validating: bytes[range], as: UTF8.self) else {
      throw JSONError(.invalidUTF8, "a string must be valid UTF-8", at: range.lowerBound)
    }
    return text
  }

  private mutating func escapedString(from start: Int) throws(JSONError) -> String {
    var content: [UInt8] = []
    content.append(contentsOf: bytes[start..<position])
    while position < bytes.count {
      let byte = bytes[position]
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        guard let text = String(validating: content, as: UTF8.self) else {
          throw JSONError(.invalidUTF8, "a string must be valid UTF-8", at: start)
        }
        return text
      case UInt8(ascii: "\\"):
        position += 1
        try escape(into: &content)
      case 0..<0x20:
        throw JSONError(.invalidString, "a control character must be escaped in a string", at: position)
      default:
        content.append(byte)
        position += 1
      }
    }
    throw JSONError(.unexpectedEnd, "wanted the end of a string, found the end of the text", at: position)
  }

  private mutating func escape(into content: inout [UInt8]) throws(JSONError) {
    let byte = try next("an escaped character")
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
    case UInt8(ascii: "b"): content.append(0x08)
    case UInt8(ascii: "f"): content.append(0x0C)
    case UInt8(ascii: "n"): content.append(0x0A)
    case UInt8(ascii: "r"): content.append(0x0D)
    case UInt8(ascii: "t"): content.append(0x09)
    case UInt8(ascii: "u"): content.append(contentsOf: String(Character(try unicodeEscape())).utf8)
    default:
      position -= 1
      throw unexpected("an escaped character")
    }
  }

  private mutating func unicodeEscape() throws(JSONError) -> UnicodeScalar {
    let start = position
    let first = try hexadecimalUnit()
    if let scalar = UnicodeScalar(first) { return scalar }
    let lone = JSONError(.invalidString, "a surrogate must stand in a pair", at: start)
    guard first >= 0xD800, first < 0xDC00, position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
      bytes[position + 1] == UInt8(ascii: "u")
    else { throw lone }
    position += 2
    let second = try hexadecimalUnit()
    guard second >= 0xDC00, second < 0xE000,
      let scalar = UnicodeScalar(0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00))
    else { throw lone }
    return scalar
  }

  private mutating func hexadecimalUnit() throws(JSONError) -> UInt16 {
    var unit: UInt16 = 0
    for _ in 0..<4 {
      let byte = try next("four hexadecimal digits")
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
      default: throw unexpected("four hexadecimal digits")
      }
      unit = unit << 4 | UInt16(digit)
      position += 1
    }
    return unit
  }
}
