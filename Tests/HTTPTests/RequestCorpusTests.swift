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

  /// Every place in a short input, and some sixty in a long one, near its ends and between.
  private static func splits(_ count: Int) -> Set<Int> {
    if count <= 100 { return Set(0...count) }
    return Set(Array(0...15) + Array(count - 15...count) + Array(stride(from: 16, to: count, by: max(1, count / 30))))
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
