/// Makes text of bytes that come in pieces, which may be cut anywhere: a character comes whole or not yet.
///
/// What is no UTF-8 becomes U+FFFD, one for each maximal part of a character (Unicode, section 3.9), whatever the
/// pieces were.
package struct UTF8Splitter: Sendable {
  private var held: [UInt8] = []
  private var skips: Bool

  /// At the beginning of a stream; with `isCut` somewhere in it, where the rest of a cut character is dropped.
  package init(isCut: Bool = false) { skips = isCut }

  /// How many bytes wait for the rest of their character, at most three.
  package var heldCount: Int { held.count }

  /// The text of all that is whole.
  package mutating func take(_ bytes: [UInt8]) -> String {
    var piece = bytes[...]
    if skips {
      let rest = piece.prefix(3).prefix { $0 & 0xC0 == 0x80 }
      piece = piece.dropFirst(rest.count)
      guard !piece.isEmpty else { return "" }
      skips = false
    }
    let all = held.isEmpty ? piece : held + piece
    let cut = all.endIndex - Self.unfinished(all)
    held = Array(all[cut...])
    return String(decoding: all[..<cut], as: UTF8.self)
  }

  /// The text of what waits, when nothing more comes.
  package mutating func finish() -> String {
    defer { held = [] }
    return String(decoding: held, as: UTF8.self)
  }

  /// How many bytes at the end begin a character that may still become whole.
  private static func unfinished(_ bytes: ArraySlice<UInt8>) -> Int {
    for count in 1...3 where count <= bytes.count {
      let lead = bytes[bytes.endIndex - count]
      guard lead & 0xC0 != 0x80 else { continue }
      let length = lead < 0xC2 || lead > 0xF4 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
      guard count < length else { return 0 }
      return count == 1 || isSecond(bytes[bytes.endIndex - count + 1], after: lead) ? count : 0
    }
    return 0
  }

  /// Whether a byte may follow a leading one: table 3-7 of the Unicode standard.
  private static func isSecond(_ byte: UInt8, after lead: UInt8) -> Bool {
    switch lead {
    case 0xE0: (0xA0...0xBF).contains(byte)
    case 0xED: (0x80...0x9F).contains(byte)
    case 0xF0: (0x90...0xBF).contains(byte)
    case 0xF4: (0x80...0x8F).contains(byte)
    default: (0x80...0xBF).contains(byte)
    }
  }
}
