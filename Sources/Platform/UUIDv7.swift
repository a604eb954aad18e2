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
    // The clock of the last tick, at most some milliseconds ago: it costs a quarter, and every request has an identifier.
    var now = timespec()
    unsafe clock_gettime(CLOCK_REALTIME_COARSE, &now)
    let milliseconds = UInt64(now.tv_sec * 1000 + now.tv_nsec / 1_000_000)
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
      let bytes = UnsafeMutableRawBufferPointer(buffer)
      func put(_ digits: UInt64, at places: (Int, Int)) {
        unsafe bytes.storeBytes(of: UInt32(truncatingIfNeeded: digits), toByteOffset: places.0, as: UInt32.self)
        unsafe bytes.storeBytes(of: UInt32(truncatingIfNeeded: digits >> 32), toByteOffset: places.1, as: UInt32.self)
      }
      put(hexadecimal(high >> 32), at: (0, 4))
      put(hexadecimal(high), at: (9, 14))
      put(hexadecimal(low >> 32), at: (19, 24))
      put(hexadecimal(low), at: (28, 32))
      for hyphen in 0..<4 { unsafe bytes[8 + 5 * hyphen] = UInt8(ascii: "-") }
      return 36
    }
  }

  /// The eight digits of the lower 32 bits, the first one in the lowest byte: all at once, since every request has an
  /// identifier.
  private static func hexadecimal(_ bits: UInt64) -> UInt64 {
    var nibbles = UInt64(UInt32(truncatingIfNeeded: bits).byteSwapped)
    nibbles = (nibbles | nibbles << 16) & 0x0000_FFFF_0000_FFFF
    nibbles = (nibbles | nibbles << 8) & 0x00FF_00FF_00FF_00FF
    nibbles = (nibbles >> 4 | nibbles << 8) & 0x0F0F_0F0F_0F0F_0F0F
    let areLetters = (nibbles + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
    return nibbles + 0x3030_3030_3030_3030 + areLetters * UInt64(UInt8(ascii: "a") - UInt8(ascii: "0") - 10)
  }
}
