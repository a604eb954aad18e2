/// Checks UTF-8 (RFC 3629) as it arrives: an error shows with the first byte that makes the text invalid.
///
/// ASCII is skipped 64 bytes at a time; the rest goes through a finite automaton that takes one load and one shift for
/// a byte. Each state is a bit offset, and the word of a byte holds at the offset of each state the offset of the next:
///
///     state = words[byte] >> state
struct UTF8Validator: Sendable {
  /// The states: what may come next.
  private enum State: UInt64, CaseIterable {
    /// A character.
    case start
    /// Nothing: the text is invalid.
    case invalid
    /// The last one, two or three bytes of a character.
    case last1, last2, last3
    /// The second byte behind E0, ED, F0 and F4, which has a narrower range.
    case afterE0, afterED, afterF0, afterF4

    var offset: UInt64 { rawValue * 6 }
  }

  private static let words: [UInt64] = (0...255).map { byte in
    State.allCases.reduce(0) { $0 | next($1, UInt8(byte)).offset << $1.offset }
  }

  private var state = State.start.offset

  /// Whether the text may end here.
  var isComplete: Bool { state == State.start.offset }

  /// Takes more bytes, from `start` on; false when they cannot belong to any valid text.
  mutating func receive(_ bytes: [UInt8], from start: Int = 0) -> Bool {
    unsafe bytes.withUnsafeBytes { bytes in
      unsafe Self.words.withUnsafeBufferPointer { unsafe receive(bytes, from: start, words: $0) }
    }
  }

  private mutating func receive(
    _ bytes: UnsafeRawBufferPointer, from start: Int, words: UnsafeBufferPointer<UInt64>
  ) -> Bool {
    var index = start
    var state = state
    while index < bytes.count, state != State.invalid.offset {
      if state == State.start.offset { index = unsafe Self.skipASCII(bytes, from: index) }
      let end = min(bytes.count, index + 64)
      while index < end {
        state = unsafe words[Int(bytes[index])] &>> state
        index += 1
      }
      state &= 63
    }
    self.state = state
    return state != State.invalid.offset
  }

  /// The first offset at or after `index` behind which 64 bytes are not all ASCII.
  private static func skipASCII(_ bytes: UnsafeRawBufferPointer, from index: Int) -> Int {
    var index = index
    while index + 64 <= bytes.count {
      var all: UInt64 = 0
      for word in 0..<8 { all |= unsafe bytes.loadUnaligned(fromByteOffset: index + 8 * word, as: UInt64.self) }
      guard all & 0x8080_8080_8080_8080 == 0 else { break }
      index += 64
    }
    return index
  }

  private static func next(_ state: State, _ byte: UInt8) -> State {
    switch (state, byte) {
    case (.start, 0...0x7F): .start
    case (.start, 0xC2...0xDF): .last1
    case (.start, 0xE0): .afterE0
    case (.start, 0xED): .afterED
    case (.start, 0xE1...0xEF): .last2
    case (.start, 0xF0): .afterF0
    case (.start, 0xF1...0xF3): .last3
    case (.start, 0xF4): .afterF4
    case (.last1, 0x80...0xBF): .start
    case (.last2, 0x80...0xBF), (.afterE0, 0xA0...0xBF), (.afterED, 0x80...0x9F): .last1
    case (.last3, 0x80...0xBF), (.afterF0, 0x90...0xBF), (.afterF4, 0x80...0x8F): .last2
    default: .invalid
    }
  }
}
