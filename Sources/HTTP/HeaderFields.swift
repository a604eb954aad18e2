/// The fields of a message (RFC 9110 section 5), in order, with names in lower case.
///
/// A flat list: messages here carry a handful of fields, and most names and values fit into a string without a heap
/// allocation.
package struct HeaderFields: Sendable, Hashable {
  /// One field line.
  package struct Field: Sendable, Hashable {
    /// The field name, in lower case.
    package let name: String
    /// The value without leading and trailing white space.
    package let value: String
  }

  /// The fields in the order in which they stand.
  package private(set) var fields: [Field] = []

  /// No fields.
  package init() {}

  /// Fields with lower-case names.
  package init(_ fields: [(String, String)]) {
    self.fields = fields.map { Field(name: $0.0, value: $0.1) }
  }

  /// The value of the first field of that name, which must be given in lower case.
  package subscript(name: String) -> String? {
    get { fields.first { $0.name == name }?.value }
    set {
      fields.removeAll { $0.name == name }
      if let newValue { fields.append(Field(name: name, value: newValue)) }
    }
  }

  /// The values of all fields of that name, in order.
  package func values(of name: String) -> [String] { fields.lazy.filter { $0.name == name }.map(\.value) }

  /// The members of a comma-separated list field over all its lines (RFC 9110 section 5.6.1), with A to Z in lower case.
  ///
  /// Byte by byte: by Unicode's rules a Kelvin sign would become a `k`, and `chun\u{212A}ed` a coding that nobody in
  /// front of this server took it for.
  package func tokens(of name: String) -> [String] {
    var tokens: [String] = []
    for field in fields where field.name == name {
      for member in field.value.utf8.split(separator: UInt8(ascii: ",")) {
        let token = String(decoding: member.map(ByteClasses.lowercase), as: UTF8.self)[...].withoutOuterSpace
        if !token.isEmpty { tokens.append(String(token)) }
      }
    }
    return tokens
  }

  /// Puts a field at the end; the name must be in lower case.
  package mutating func append(_ name: String, _ value: String) { fields.append(Field(name: name, value: value)) }

  mutating func reserveCapacity(_ count: Int) { fields.reserveCapacity(count) }
}

extension Substring {
  /// The text without spaces and tabs around it (`OWS` of RFC 9110 section 5.6.3).
  package var withoutOuterSpace: Substring {
    var text = drop { $0 == " " || $0 == "\t" }
    while let last = text.last, last == " " || last == "\t" { text.removeLast() }
    return text
  }
}
