import Terminal
import Testing

@Suite struct `Scrollback ring` {
  private static func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
  }

  @Test(arguments: [1, 2, 3, 7, 64, 1000])
  func `keeps the newest bytes, however they came`(capacity: Int) {
    let all = Self.bytes(300)
    for size in 1...20 {
      var scrollback = Scrollback(capacity: capacity)
      var given = 0
      while given < all.count {
        let piece = Array(all[given..<min(given + size, all.count)])
        scrollback.append(piece)
        given += piece.count
        #expect(scrollback.end == given)
        #expect(scrollback.start == max(0, given - capacity))
        let kept = scrollback.read(from: scrollback.start, limit: .max)
        #expect(kept == Array(all[scrollback.start..<given]))
      }
    }
  }

  @Test func `takes a piece that is larger than itself`() {
    var scrollback = Scrollback(capacity: 10)
    scrollback.append(Self.bytes(95))
    #expect(scrollback.start == 85)
    #expect(scrollback.read(from: 85, limit: 100) == Array(Self.bytes(95)[85...]))
  }

  @Test func `is read in parts from any offset`() {
    var scrollback = Scrollback(capacity: 16)
    for byte in Self.bytes(50) { scrollback.append([byte]) }
    for offset in scrollback.start...scrollback.end {
      for limit in 0...20 {
        let part = scrollback.read(from: offset, limit: limit)
        #expect(part == Array(Self.bytes(50)[offset..<min(50, offset + limit)]))
      }
    }
  }

  @Test(arguments: [0, 33, 51, -1, Int.max]) func `has nothing at an offset that is dropped or to come`(offset: Int) {
    var scrollback = Scrollback(capacity: 16)
    scrollback.append(Self.bytes(50))
    #expect(scrollback.read(from: offset, limit: 10).isEmpty)
  }

  @Test func `that is empty has nothing`() {
    let scrollback = Scrollback(capacity: 16)
    #expect(scrollback.start == 0)
    #expect(scrollback.end == 0)
    #expect(scrollback.read(from: 0, limit: 10).isEmpty)
  }
}
