/// The character classes of RFC 9110 section 5.6 as predicates over bytes.
enum ByteClasses {
  /// For each byte: 0 when it may not stand in a token (section 5.6.2), otherwise the byte in lower case.
  static let token: [UInt8] = (0...255).map { (value: Int) -> UInt8 in
    let byte = UInt8(value)
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): return byte | 0x20
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): return byte
    default: return "!#$%&'*+-.^_`|~".utf8.contains(byte) ? byte : 0
    }
  }

  /// Whether a byte may stand in a field value: visible, obs-text, space or tab (section 5.5).
  static func isFieldValue(_ byte: UInt8) -> Bool { byte >= 0x20 && byte != 0x7F || byte == 0x09 }

  /// Whether a byte may stand in a request target: visible ASCII; RFC 9112 section 3.2 leaves the rest to be encoded.
  static func isTarget(_ byte: UInt8) -> Bool { byte > 0x20 && byte < 0x7F }

  /// Whether a byte is an unreserved character of a URI (RFC 3986 section 2.3).
  static func isUnreserved(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
      UInt8(ascii: "~"):
      true
    default: false
    }
  }

  /// Whether a byte is a decimal digit.
  static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

  /// The value of a hexadecimal digit, or nil.
  static func hexadecimal(_ byte: UInt8) -> Int? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): Int(byte - UInt8(ascii: "a")) + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): Int(byte - UInt8(ascii: "A")) + 10
    default: nil
    }
  }
}
