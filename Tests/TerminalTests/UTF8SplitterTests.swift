import Terminal
import Testing

@Suite struct `UTF-8 in pieces` {
  private static let texts: [[UInt8]] = [
    Array("plain".utf8), Array("zwei Öre für 1 €".utf8), Array("👩‍👩‍👧‍👦 🏴󠁧󠁢󠁳󠁣󠁴󠁿 日本".utf8),
    Array("\u{1B}[38;5;1mé\u{10FFFF}\u{0}".utf8),
    // A continuation alone, overlong forms, a surrogate, above U+10FFFF, cut characters, no UTF-8 at all.
    [0x80], [0x41, 0xBF, 0x42], [0xC0, 0xAF], [0xE0, 0x80, 0xAF], [0xED, 0xA0, 0x80, 0x41], [0xF4, 0x90, 0x80, 0x80],
    [0xF0, 0x8F, 0xBF, 0xBF], [0xE2, 0x82], [0xE2, 0x82, 0x41], [0xF0, 0x9F, 0x98], [0xF0, 0x9F, 0x98, 0xF0, 0x9F],
    [0xFE, 0xFF], [0xC3], [0xC3, 0xC3, 0xA9], [0xF8, 0x88, 0x80, 0x80, 0x80],
    [0xE1, 0x80, 0xE2, 0xF0, 0x91, 0x92, 0xF1, 0xBF, 0x41],
  ]

  @Test(arguments: texts) func `is the same text at every split`(bytes: [UInt8]) {
    let whole = String(decoding: bytes, as: UTF8.self)
    for first in 0...bytes.count {
      for second in first...bytes.count {
        var splitter = UTF8Splitter()
        let pieces = [Array(bytes[..<first]), Array(bytes[first..<second]), Array(bytes[second...])]
        let text = pieces.map { splitter.take($0) }.joined() + splitter.finish()
        #expect(Array(text.unicodeScalars) == Array(whole.unicodeScalars), "split at \(first) and \(second)")
      }
    }
  }

  @Test(arguments: texts) func `never gives a part of a character`(bytes: [UInt8]) {
    guard String(validating: bytes, as: UTF8.self) != nil else { return }
    var splitter = UTF8Splitter()
    for byte in bytes {
      let text = splitter.take([byte])
      #expect(!text.unicodeScalars.contains("\u{FFFD}"))
      #expect(splitter.heldCount <= 3)
    }
    #expect(splitter.heldCount == 0)
  }

  @Test func `holds back what may still become whole, and no more`() {
    let cases: [([UInt8], Int)] = [
      ([0xE2], 1), ([0xE2, 0x82], 2), ([0xF0, 0x9F, 0x98], 3), ([0xE0, 0x80], 0), ([0xED, 0xA0], 0), ([0xF4, 0x90], 0),
      ([0xC1], 0), ([0xF5], 0), ([0x80, 0x80], 0), ([0x41], 0), ([], 0), ([0xE2, 0x82, 0xAC], 0),
    ]
    for (bytes, held) in cases {
      var splitter = UTF8Splitter()
      _ = splitter.take(bytes)
      #expect(splitter.heldCount == held, "\(bytes)")
    }
  }

  @Test func `drops the rest of a character at a cut, over any pieces`() {
    for pieces: [[UInt8]] in [[[0x82, 0xAC, 0x41]], [[0x82], [0xAC], [], [0x41]], [[0x41]]] {
      var splitter = UTF8Splitter(isCut: true)
      #expect(pieces.map { splitter.take($0) }.joined() == "A")
    }
  }
}
