/// A JSON value (RFC 8259) whose objects keep the order of their members.
///
/// Numbers keep their kind: a number without fraction and exponent that fits is `.integer`, any other is `.number`.
/// A member name that stands twice keeps its last value, as most decoders do.
package enum JSONValue: Hashable, Sendable {
  case null
  case bool(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object(JSONObject)
  /// Text that is already encoded JSON, written out unchanged; never made by the parser.
  case encoded(String)
}

extension JSONValue {
  /// The text of a string, otherwise nil.
  package var string: String? {
    guard case .string(let value) = self else { return nil }
    return value
  }

  /// The value of an integer, or of a number with no fraction, otherwise nil.
  package var integer: Int? {
    switch self {
    case .integer(let value): value
    case .number(let value): Int(exactly: value)
    default: nil
    }
  }

  /// The value of any number, otherwise nil.
  package var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  /// The value of a boolean, otherwise nil.
  package var bool: Bool? {
    guard case .bool(let value) = self else { return nil }
    return value
  }

  /// The elements of an array, otherwise nil.
  package var array: [JSONValue]? {
    guard case .array(let value) = self else { return nil }
    return value
  }

  /// The members of an object, otherwise nil.
  package var object: JSONObject? {
    guard case .object(let value) = self else { return nil }
    return value
  }

  /// Whether this is `null`.
  package var isNull: Bool { self == .null }

  /// The member of that name when this is an object, otherwise nil.
  package subscript(name: String) -> JSONValue? { object?[name] }

  /// A string value, or `null` for nil.
  package init(_ text: String?) { self = text.map { .string($0) } ?? .null }

  /// An integer value, or `null` for nil.
  package init(_ value: Int?) { self = value.map { .integer($0) } ?? .null }

  /// A number value, or `null` for nil and for what JSON has no number for (not a number, infinite).
  package init(_ value: Double?) {
    guard let value, value.isFinite else {
      self = .null
      return
    }
    self = .number(value)
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral, ExpressibleByFloatLiteral
{
  /// A string.
  package init(stringLiteral value: String) { self = .string(value) }
  /// An integer.
  package init(integerLiteral value: Int) { self = .integer(value) }
  /// A number.
  package init(floatLiteral value: Double) { self = .number(value) }
  /// A boolean.
  package init(booleanLiteral value: Bool) { self = .bool(value) }
  /// An array.
  package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  /// An object with its members in the order written.
  package init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(JSONObject(elements)) }
  /// `null`.
  package init(nilLiteral: ()) { self = .null }
}
