/// Private keys as text (RFC 7468): `-----BEGIN ... PRIVATE KEY-----`, base64 in lines, `-----END ...-----`.
enum PrivateKeyBlock {
  static let begin = Array("-----BEGIN ".utf8)
  private static let label = Array("PRIVATE KEY-----".utf8)
  private static let end = Array("-----END ".utf8)
  private static let dashes = Array("-----".utf8)
  /// Letters, digits and spaces between `BEGIN` and `PRIVATE KEY`, such as `OPENSSH`.
  private static let longestKind = 24

  /// Looks for a block that begins at a place.
  ///
  /// One whose end is missing reaches as far as it could be base64, so that the quote behind it stays where it is.
  static func find(in bytes: Span<UInt8>, at start: Int, isEnd: Bool) -> SecretShape.Finding {
    let unfinished: SecretShape.Finding = isEnd ? .none : .undecided
    switch match(begin, in: bytes, at: start) {
    case nil: return .none
    case false?: return unfinished
    case true?: break
    }
    var position = start + begin.count
    let limit = position + longestKind
    while true {
      switch match(label, in: bytes, at: position) {
      case true?: return body(of: bytes, start, from: position + label.count, isEnd: isEnd)
      case false?: return unfinished
      case nil:
        guard position < limit, bytes[position] == 0x20 || SecretShape.isAlphanumeric(bytes[position]) else {
          return .none
        }
        position += 1
      }
    }
  }

  private static func body(
    of bytes: Span<UInt8>, _ start: Int, from first: Int, isEnd: Bool
  ) -> SecretShape.Finding {
    var position = first
    while position < bytes.count {
      if bytes[position] == end[0] {
        switch match(end, in: bytes, at: position) {
        case true?:
          position += end.count
          while position < bytes.count, bytes[position] == 0x20 || SecretShape.isAlphanumeric(bytes[position]) {
            position += 1
          }
          switch match(dashes, in: bytes, at: position) {
          case true?: return .secret(start..<position + dashes.count)
          case false?: return isEnd ? .secret(start..<bytes.count) : .undecided
          case nil: return .secret(start..<position)
          }
        case false?: return isEnd ? .secret(start..<bytes.count) : .undecided
        case nil: break
        }
      }
      // Half of an escape tells nothing yet.
      if !isEnd, bytes[position] == UInt8(ascii: "\\"), position + 1 == bytes.count { return .undecided }
      guard let length = length(of: bytes, at: position) else { return .secret(start..<position) }
      position += length
    }
    return isEnd ? .secret(start..<bytes.count) : .undecided
  }

  /// How many bytes of a block's inside stand here, nil for none: base64, its headers, and line ends, also as JSON
  /// writes them.
  private static func length(of bytes: Span<UInt8>, at position: Int) -> Int? {
    let byte = bytes[position]
    if SecretShape.isAlphanumeric(byte) || "+/=-:, \r\n\t".utf8.contains(byte) { return 1 }
    guard byte == UInt8(ascii: "\\"), position + 1 < bytes.count else { return nil }
    return "nrt/".utf8.contains(bytes[position + 1]) ? 2 : nil
  }

  /// Whether a text stands there; false when the bytes end in the middle of it, nil when something else stands there.
  private static func match(_ text: [UInt8], in bytes: Span<UInt8>, at position: Int) -> Bool? {
    for (offset, byte) in text.enumerated() {
      guard position + offset < bytes.count else { return false }
      guard bytes[position + offset] == byte else { return nil }
    }
    return true
  }
}
