/// Percent-encoding (RFC 3986 section 2.1) and the query strings of forms.
package enum PercentEncoding {
  /// The decoded text, or nil when a `%` is not followed by two hexadecimal digits, or the bytes are not UTF-8.
  package static func decode(_ text: some StringProtocol, plusIsSpace: Bool = false) -> String? {
    guard text.utf8.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) else { return String(text) }
    var bytes: [UInt8] = []
    var iterator = text.utf8.makeIterator()
    while let byte = iterator.next() {
      if byte == UInt8(ascii: "+"), plusIsSpace {
        bytes.append(0x20)
      } else if byte == UInt8(ascii: "%") {
        guard let first = iterator.next().flatMap(ByteClasses.hexadecimal),
          let second = iterator.next().flatMap(ByteClasses.hexadecimal)
        else { return nil }
        bytes.append(UInt8(first << 4 | second))
      } else {
        bytes.append(byte)
      }
    }
    return String(validating: bytes, as: UTF8.self)
  }

  /// The text with every byte but unreserved characters (RFC 3986 section 2.3) encoded.
  package static func encode(_ text: String) -> String {
    var result = ""
    for byte in text.utf8 {
      if ByteClasses.isUnreserved(byte) {
        result.unicodeScalars.append(UnicodeScalar(byte))
      } else {
        let hex = String(byte, radix: 16, uppercase: true)
        result += hex.utf8.count == 1 ? "%0\(hex)" : "%\(hex)"
      }
    }
    return result
  }

  /// The pairs of a query string, in order; nil when one cannot be decoded.
  package static func query(_ query: String) -> [(name: String, value: String)]? {
    var pairs: [(String, String)] = []
    for part in query.split(separator: "&") {
      let mark = part.firstIndex(of: "=")
      let value = mark.map { part[part.index(after: $0)...] } ?? ""
      guard let name = decode(part[..<(mark ?? part.endIndex)], plusIsSpace: true),
        let value = decode(value, plusIsSpace: true)
      else { return nil }
      pairs.append((name, value))
    }
    return pairs
  }
}
