/// Checks UTF-8 (RFC 3629) as it arrives: an error shows with the first byte that makes the text invalid.
struct UTF8Validator: Sendable {
  /// How many bytes of the present character are still to come, and in which range the next one must lie.
  private var pending = 0
  private var range: ClosedRange<UInt8> = 0x80...0xBF

  /// Whether the text may end here.
  var isComplete: Bool { pending == 0 }

  /// Takes more bytes, from `start` on; false when they cannot belong to any valid text.
  mutating func receive(_ bytes: [UInt8], from start: Int = 0) -> Bool {
    unsafe bytes.withUnsafeBytes { unsafe receive(UnsafeRawBufferPointer(rebasing: $0[start...])) }
  }

  private mutating func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var index = 0
    let count = bytes.count
    while index < count {
      if pending == 0 { index = unsafe Self.skipASCII(bytes, from: index) }
      guard index < count else { return true }
      let byte = unsafe bytes[index]
      index += 1
      if pending > 0 {
        guard range.contains(byte) else { return false }
        pending -= 1
        range = 0x80...0xBF
      } else if byte >= 0x80 {
        guard begin(byte) else { return false }
      }
    }
    return true
  }

  /// The offset of the first byte at or after `index` that is no ASCII, found 64 bytes at a time.
  private static func skipASCII(_ bytes: UnsafeRawBufferPointer, from index: Int) -> Int {
    var index = index
    let count = bytes.count
    while index + 64 <= count {
      let block = unsafe bytes.loadUnaligned(fromByteOffset: index, as: SIMD64<UInt8>.self)
      guard block.max() < 0x80 else { break }
      index += 64
    }
    while index < count, unsafe bytes[index] < 0x80 { index += 1 }
    return index
  }

  private mutating func begin(_ byte: UInt8) -> Bool {
    switch byte {
    case 0xC2...0xDF: (pending, range) = (1, 0x80...0xBF)
    case 0xE0: (pending, range) = (2, 0xA0...0xBF)
    case 0xED: (pending, range) = (2, 0x80...0x9F)
    case 0xE1...0xEF: (pending, range) = (2, 0x80...0xBF)
    case 0xF0: (pending, range) = (3, 0x90...0xBF)
    case 0xF1...0xF3: (pending, range) = (3, 0x80...0xBF)
    case 0xF4: (pending, range) = (3, 0x80...0x8F)
    default: return false
    }
    return true
  }
}
