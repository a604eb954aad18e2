import Platform
import Testing

@Suite struct `Time stamps` {
  @Test(arguments: [
    (0, "1970-01-01T00:00:00.000000Z"), (-1, "1969-12-31T23:59:59.999999Z"),
    (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"), (1_795_225_738_123_456, "2026-11-21T01:48:58.123456Z"),
    (4_107_542_399_999_999, "2100-02-28T23:59:59.999999Z"), (4_107_542_400_000_000, "2100-03-01T00:00:00.000000Z"),
  ])
  func `is written as RFC 3339 with six decimals`(microseconds: Int, text: String) {
    let written = Timestamp(microseconds: microseconds).text
    #expect(written == text)
  }

  @Test func `is written as the date of RFC 9110`() {
    let written = Timestamp(microseconds: 784_111_777_000_000).httpDate
    #expect(written == "Sun, 06 Nov 1994 08:49:37 GMT")
  }

  @Test func `sorts as its text does`() {
    let moments = (0..<1000).map { Timestamp(microseconds: 1_700_000_000_000_000 + $0 * 997_000_001) }
    let texts = moments.map(\.text)
    #expect(texts == texts.sorted())
  }
}

@Suite struct `Identifiers` {
  @Test func `are well formed, distinct, and sort by their making`() {
    let ids = (0..<10_000).map { _ in UUIDv7.make() }
    let malformed = ids.filter { !UUIDv7.isWellFormed($0) }
    #expect(malformed.isEmpty)
    #expect(Set(ids).count == ids.count)
    #expect(ids == ids.sorted())
  }

  @Test func `name their version and variant`() {
    let id = Array(UUIDv7.make())
    #expect(id[14] == "7")
    #expect("89ab".contains(id[19]))
  }

  @Test(arguments: ["", "x", "0190f0f0-0000-7000-8000-00000000000", "0190F0F0-0000-7000-8000-000000000000"])
  func `of another form are not taken`(text: String) { #expect(!UUIDv7.isWellFormed(text)) }
}
