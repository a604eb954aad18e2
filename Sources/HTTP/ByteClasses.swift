/// The character classes of RFC 9110 section 5.6 as predicates over bytes.
enum ByteClasses {
  /// Whether a byte may stand in a token (section 5.6.2): a bit for each of the ASCII characters.
  static func isToken(_ byte: UInt8) -> Bool {
    let bits: UInt64 = byte < 64 ? 0x03FF_6CFA_0000_0000 : 0x57FF_FFFF_C7FF_FFFE
    return byte < 128 && bits >> UInt64(byte & 63) & 1 != 0
  }

  /// Whether a byte is a space or a tab.
  static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

  /// Whether a byte may stand in a field value: visible, obs-text, space or tab (section 5.5).
  static func isFieldValue(_ byte: UInt8) -> Bool { byte >= 0x20 && byte != 0x7F || byte == 0x09 }

  /// Whether all of these bytes are visible ones, obs-text or spaces, eight at a time; false where there is a tab, too.
  static func areSimple(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let (ones, highs): (UInt64, UInt64) = (0x0101_0101_0101_0101, 0x8080_8080_8080_8080)
    var controls: UInt64 = 0
    var place = 0
    while place + 8 <= bytes.count {
      let word = unsafe bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)
      let deletes = word ^ (ones &* 0x7F)
      // A byte below n sets its highest bit in (word - n) & ~word; so does one above such a byte now and then.
      controls |= (word &- ones &* 0x20) & ~word | (deletes &- ones) & ~deletes
      place += 8
    }
    guard controls & highs == 0 else { return false }
    while place < bytes.count {
      let byte = unsafe bytes[place]
      if byte < 0x20 || byte == 0x7F { return false }
      place += 1
    }
    return true
  }

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

  /// The byte with A to Z in lower case.
  static func lowercase(_ byte: UInt8) -> UInt8 {
    byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
  }

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
