import Foundation
import HTTP
import HTTPTypes
import JSON
import Testing

/// The requests of `Tests/Corpus/http.json`, which the tests of the daemon send over sockets, through the decoder alone.
@Suite(.timeLimit(.minutes(2))) struct `Request corpus` {
  private static let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Corpus/http.json")

  /// The bytes of each case: its input's characters are bytes, and a pair of a text and a count stands for repetition.
  private static func corpus() throws -> [(name: String, bytes: [UInt8])] {
    let value = try JSONParser.parse([UInt8](try Data(contentsOf: file)))
    return (value.array ?? value["cases"]?.array ?? []).map { row in
      let parts = row["input"]?.array ?? [row["input"] ?? .null]
      let text = parts.map { part in
        part.string ?? String(repeating: part.array?.first?.string ?? "", count: part.array?.last?.integer ?? 0)
      }
      return (row["name"]?.string ?? "", text.joined().unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) })
    }
  }

  /// What the decoder has made of the bytes when the first part was in, and when the second was.
  private static func decode(_ first: ArraySlice<UInt8>, _ second: ArraySlice<UInt8>) -> (
    early: [String], all: [String]
  ) {
    var (decoder, queue, found, early) = (RequestDecoder(), ByteQueue(), [String](), [String]())
    do {
      for part in [first, second] {
        queue.append(Array(part))
        while let event = try decoder.next(&queue) {
          switch event {
          case .head(let head): found += ["\(head.method.rawValue) \(head.path) \(head.fields.fields.count)", ""]
          case .body(let bytes): found[found.count - 1] += String(repeating: "x", count: bytes.count)
          case .end: found.append("end")
          }
        }
        if part == first { early = found }
      }
    } catch {
      found.append("\(error.code.rawValue) at \(error.offset)")
    }
    return (early, found)
  }

  /// Every place in a short input; some sixty in a longer one, near its ends and between; a third of them in a long one.
  private static func splits(_ count: Int) -> Set<Int> {
    if count <= 100 { return Set(0...count) }
    let (edge, between) = count <= 4000 ? (15, 30) : (5, 10)
    return Set(
      Array(0...edge) + Array(count - edge...count) + Array(stride(from: 16, to: count, by: max(1, count / between))))
  }

  @Test func `gives the same at every split, and a prefix never more than the whole`() throws {
    let corpus = try Self.corpus()
    #expect(corpus.count >= 200)
    for (name, bytes) in corpus {
      let whole = Self.decode(bytes[...], []).all
      for split in Self.splits(bytes.count) {
        let found = Self.decode(bytes[..<split], bytes[split...])
        #expect(found.all == whole, "\(name) split at \(split)")
        // Whole events of a prefix are those of the whole; only the last one may still grow.
        #expect(zip(found.early, whole).allSatisfy { $1.hasPrefix($0) }, "\(name) up to \(split)")
      }
    }
  }
}

extension `Request corpus` {
  /// A head that is sent again need not be read again: all else must be as if it were.
  @Test func `gives the same for each request that is sent again on a connection`() throws {
    var count = 0
    for (name, bytes) in try Self.corpus() where bytes.count <= 2000 {
      let once = Self.decode(bytes[...], []).all
      guard once.last == "end" else { continue }
      count += 1
      let thrice = bytes + bytes + bytes
      for split in Self.splits(thrice.count) {
        #expect(Self.decode(thrice[..<split], thrice[split...]).all == once + once + once, "\(name) split at \(split)")
      }
    }
    #expect(count >= 50)
  }

  @Test(arguments: [
    ("GET /a HTTP/1.1\r\nHost: a\r\n\r\n", "GET /b HTTP/1.1\r\nHost: a\r\n\r\n", "/b"),
    ("GET /a HTTP/1.1\r\nHost: a\r\n\r\n", "GET /a HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n", "/a"),
    ("GET /a HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n", "GET /a HTTP/1.1\r\nHost: a\r\n\r\n", "/a"),
    ("\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n", "GET /c HTTP/1.1\r\nHost: a\r\n\r\n", "/c"),
  ])
  func `does not take a request for the one before it`(first: String, second: String, path: String) throws {
    var (decoder, queue, heads) = (RequestDecoder(), ByteQueue(), [RequestHead]())
    queue.append(Array((first + second + first).utf8))
    while let event = try decoder.next(&queue) { if case .head(let head) = event { heads.append(head) } }
    #expect(heads.map(\.path) == ["/a", path, "/a"])
    #expect(heads.map(\.fields.fields.count) == [first, second, first].map { $0.contains("X: y") ? 2 : 1 })
  }
}
