import Compression
import Testing

@Suite struct `Compressed bytes` {
  private static let text = Array(String(repeating: "the same words again and ", count: 200).utf8)

  /// Bytes without a pattern, made alike in each run.
  private static let noise: [UInt8] = {
    var state: UInt32 = 7
    return (0..<100_000).map { _ in
      state = state &* 1_664_525 &+ 1_013_904_223
      return UInt8(state >> 24)
    }
  }()

  @Test(arguments: [9, 12, 15], [[], [1], text, noise])
  func `are restored, whatever the window and the split`(window: Int, bytes: [UInt8]) throws {
    let deflater = try Deflater(.raw, windowBits: window)
    var compressed: [UInt8] = []
    deflater.compress(bytes, .sync, into: &compressed)
    #expect(compressed.suffix(4) == [0, 0, 0xFF, 0xFF])
    for step in [1, 7, max(1, compressed.count)] {
      let inflater = try Inflater(windowBits: window)
      var restored: [UInt8] = []
      for start in stride(from: 0, to: compressed.count, by: step) {
        let part = Array(compressed[start..<min(start + step, compressed.count)])
        try inflater.decompress(part, into: &restored, limit: 200_000)
      }
      #expect(restored == bytes)
      #expect(inflater.isBetweenBlocks)
    }
  }

  @Test func `refer to what came before until reset`() throws {
    let deflater = try Deflater(.raw, windowBits: 12)
    var sizes: [Int] = []
    for _ in 0..<3 {
      var compressed: [UInt8] = []
      deflater.compress(Array(Self.noise.prefix(500)), .sync, into: &compressed)
      sizes.append(compressed.count)
      if sizes.count == 2 { deflater.reset() }
    }
    #expect(sizes[1] < 50)
    #expect(sizes[2] == sizes[0])
  }

  @Test func `go on behind a final block with the same window`() throws {
    let inflater = try Inflater()
    var restored: [UInt8] = []
    // The example of RFC 7692 section 7.2.3.4, with the octet that makes room for the next block.
    let final: [UInt8] = [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00]
    try inflater.decompress(final + [0, 0, 0xFF, 0xFF], into: &restored, limit: 100)
    // Section 7.2.3.2: the same word as a reference to the window.
    try inflater.decompress([0xF2, 0x00, 0x11, 0x00, 0x00, 0, 0, 0xFF, 0xFF], into: &restored, limit: 100)
    #expect(String(decoding: restored, as: UTF8.self) == "HelloHello")
  }

  @Test(arguments: [0, 1, 99, 255, 4999])
  func `are not restored above the limit`(limit: Int) throws {
    let deflater = try Deflater(.raw)
    var compressed: [UInt8] = []
    deflater.compress([UInt8](repeating: 0, count: 5000), .finish, into: &compressed)
    let inflater = try Inflater()
    var restored: [UInt8] = [1, 2, 3]
    #expect(throws: CompressionError.tooLarge) {
      try inflater.decompress(compressed, into: &restored, limit: limit)
    }
    #expect(restored.count <= 3 + limit + 1)
  }

  @Test(arguments: [[0x07], [0xFF, 0xFF, 0xFF], Array("plain text".utf8)] as [[UInt8]])
  func `that are none are refused`(bytes: [UInt8]) throws {
    let inflater = try Inflater()
    var restored: [UInt8] = []
    #expect(throws: CompressionError.self) { try inflater.decompress(bytes, into: &restored, limit: 100) }
  }
}
