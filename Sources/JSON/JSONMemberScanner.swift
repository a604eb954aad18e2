/// Picks members of the outermost object out of a JSON text as its bytes come, and keeps nothing else of it.
///
///     {"id": "x", "usage": {...}, "output": [ ... ]}        wanted: usage
///                          ~~~~~
///
/// When the text is an array, the members of its elements are picked. It checks nothing that it need not: text that is
/// no JSON gives no members, or wrong ones that are JSON values themselves.
package struct JSONMemberScanner: Sendable {
  /// Bytes of one member's value; larger ones are passed over.
  package static let longestValue = 64 * 1024
  private static let longestName = 256

  private let names: Set<String>
  private var depth = 0
  /// The depth at which the members stand: 1, or 2 in an array; 0 while nothing is known.
  private var level = 0
  private var isInObject = false
  private var expectsName = false
  private var isInString = false
  private var isEscaped = false
  private var name: [UInt8]?
  private var wanted: String?
  private var value: [UInt8] = []

  /// A scanner at the beginning of a text, for members of these names.
  package init(names: Set<String>) { self.names = names }

  /// Takes more bytes; returns the members that they complete, in order.
  package mutating func receive(_ bytes: [UInt8]) -> [(name: String, value: JSONValue)] {
    var found: [(name: String, value: JSONValue)] = []
    for byte in bytes {
      if isInString { takeInString(byte) } else if let member = takeOutside(byte) { found.append(member) }
    }
    return found
  }

  private mutating func takeInString(_ byte: UInt8) {
    keep(byte)
    if isEscaped {
      isEscaped = false
    } else if byte == UInt8(ascii: "\\") {
      isEscaped = true
    } else if byte == UInt8(ascii: "\"") {
      isInString = false
      return
    }
    if expectsName, depth == level, name.map({ $0.count < Self.longestName }) == true { name?.append(byte) }
  }

  private mutating func takeOutside(_ byte: UInt8) -> (name: String, value: JSONValue)? {
    var member: (name: String, value: JSONValue)?
    switch byte {
    case UInt8(ascii: "\""):
      isInString = true
      if expectsName, depth == level { name = [] }
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      if level == 0 { level = byte == UInt8(ascii: "{") ? 1 : 2 }
      depth += 1
      if depth == level { (isInObject, expectsName) = (byte == UInt8(ascii: "{"), byte == UInt8(ascii: "{")) }
    case UInt8(ascii: "}"), UInt8(ascii: "]"):
      if depth == level { member = endValue() }
      depth -= 1
    case UInt8(ascii: ",") where depth == level && isInObject:
      member = endValue()
      expectsName = true
    case UInt8(ascii: ":") where depth == level && isInObject && expectsName:
      beginValue()
      return nil
    default: break
    }
    keep(byte)
    return member
  }

  private mutating func beginValue() {
    expectsName = false
    let bytes = name ?? []
    name = nil
    // A name may be written with escapes.
    let text = (try? JSONParser.parse([UInt8(ascii: "\"")] + bytes + [UInt8(ascii: "\"")]))?.string
    wanted = text.flatMap { names.contains($0) ? $0 : nil }
    value = []
  }

  private mutating func keep(_ byte: UInt8) {
    guard wanted != nil else { return }
    value.append(byte)
    if value.count > Self.longestValue {
      wanted = nil
      value = []
    }
  }

  private mutating func endValue() -> (name: String, value: JSONValue)? {
    defer {
      wanted = nil
      value = []
    }
    guard let wanted, let parsed = try? JSONParser.parse(value) else { return nil }
    return (wanted, parsed)
  }
}
