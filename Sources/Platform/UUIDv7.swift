import CPlatform
import Glibc
import Synchronization

/// Makes identifiers that sort by the time of their making (RFC 9562 section 5.7).
///
///     unix milliseconds (48) | 7 (4) | counter (12) | 2 (2) | random (62)
///
/// Within one process every new identifier sorts after all earlier ones: the 12 bits after the version count on within
/// a millisecond, as section 6.2 method 1 allows.
package enum UUIDv7 {
  private struct State {
    var last: UInt64 = 0
    /// Random words that were asked of the system in one call for many identifiers.
    var words: [UInt64] = []

    mutating func word() -> UInt64 {
      if words.isEmpty {
        words = [UInt64](repeating: 0, count: 128)
        let count = unsafe words.withUnsafeMutableBytes { unsafe getrandom($0.baseAddress, $0.count, 0) }
        // Cannot fall short by getrandom(2); if it did, the generator of the language asks once for each word.
        if count != 128 * 8 { words = (0..<128).map { _ in UInt64.random(in: 0...UInt64.max) } }
      }
      return words.removeLast()
    }
  }

  private static let state = Mutex(State())

  /// A new identifier: 36 characters, lower case.
  package static func make() -> String {
    let milliseconds = UInt64(Timestamp.now.microseconds / 1000)
    let (stamp, random) = state.withLock { state -> (UInt64, UInt64) in
      let random = state.word()
      state.last = max(state.last + 1, milliseconds << 12 | random & 0xFF)
      return (state.last, random)
    }
    let high = (stamp >> 12) << 16 | 0x7000 | stamp & 0xFFF
    return text(high, random >> 2 | 1 << 63)
  }

  /// Whether a text has the form of any UUID in lower case.
  package static func isWellFormed(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard bytes.count == 36 else { return false }
    return bytes.enumerated().allSatisfy { index, byte in
      switch index {
      case 8, 13, 18, 23: byte == UInt8(ascii: "-")
      default:
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") || byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "f")
      }
    }
  }

  private static func text(_ high: UInt64, _ low: UInt64) -> String {
    unsafe String(unsafeUninitializedCapacity: 36) { buffer in
      var position = 0
      for nibble in 0..<32 {
        if nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20 {
          unsafe buffer[position] = UInt8(ascii: "-")
          position += 1
        }
        let word = nibble < 16 ? high : low
        let digit = UInt8(truncatingIfNeeded: word >> UInt64(60 - nibble % 16 * 4) & 15)
        unsafe buffer[position] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
        position += 1
      }
      return position
    }
  }
}
