import HTTP
import HTTPTypes
import Testing

@Suite struct `Requests on the wire` {
  /// What a decoder makes of bytes that come in these parts: heads, joined bodies, or the code of an error.
  private static func decode(_ parts: [[UInt8]]) -> [String] {
    var decoder = RequestDecoder()
    var queue = ByteQueue()
    var found: [String] = []
    do {
      for part in parts {
        queue.append(part)
        while let event = try decoder.next(&queue) {
          switch event {
          case .head(let head):
            found.append(
              "\(head.method.rawValue) \(head.path) \(head.query ?? "-") \(head.minorVersion) \(head.isKeepAlive)")
            found.append("")
          case .body(let bytes): found[found.count - 1] += String(decoding: bytes, as: UTF8.self)
          case .end: found.append("end")
          }
        }
      }
    } catch {
      found.append(error.code.rawValue)
    }
    return found
  }

  private static let host = "Host: a\r\n"

  static let accepted: [(String, String, [String])] = [
    ("9112 3", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", ["GET / - 1 true", "", "end"]),
    ("9112 3.2.1", "GET /a/b?x=1&y HTTP/1.1\r\nHost: a\r\n\r\n", ["GET /a/b x=1&y 1 true", "", "end"]),
    ("9112 3.2.2", "GET http://a.b:80/c?d HTTP/1.1\r\nHost: a\r\n\r\n", ["GET /c d 1 true", "", "end"]),
    ("9112 3.2.2 no path", "GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", ["GET / - 1 true", "", "end"]),
    ("9112 3.2.4", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", ["OPTIONS * - 1 true", "", "end"]),
    ("9112 2.2 leading line", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", ["GET / - 1 true", "", "end"]),
    ("9112 2.3", "GET / HTTP/1.0\r\n\r\n", ["GET / - 0 false", "", "end"]),
    ("9112 9.3", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", ["GET / - 0 true", "", "end"]),
    ("9112 9.6", "GET / HTTP/1.1\r\nHost: a\r\nConnection: x, close\r\n\r\n", ["GET / - 1 false", "", "end"]),
    ("9112 6.2", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", ["POST / - 1 true", "abc", "end"]),
    ("9110 8.6", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc", ["POST / - 1 true", "abc", "end"]),
    (
      "9112 7.1",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n1;x=\"y\"\r\nd\r\n0\r\nT: v\r\n\r\n",
      ["POST / - 1 true", "abcd", "end"]
    ),
    (
      "9112 7.1 leading zeros",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0003\r\nabc\r\n00\r\n\r\n",
      ["POST / - 1 true", "abc", "end"]
    ),
    (
      "9112 9.3.2", "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
      ["GET /1 - 1 true", "", "end", "GET /2 - 1 true", "", "end"]
    ),
    ("9110 5.5 empty value", "GET / HTTP/1.1\r\nHost: a\r\nX:\r\nY: \t \r\n\r\n", ["GET / - 1 true", "", "end"]),
    ("9110 9.1 own method", "PURGE / HTTP/1.1\r\nHost: a\r\n\r\n", ["PURGE / - 1 true", "", "end"]),
    ("9112 2.3 minor", "GET / HTTP/1.9\r\nHost: a\r\n\r\n", ["GET / - 1 true", "", "end"]),
  ]

  @Test(arguments: accepted)
  func `are taken alike at every split, and no prefix is refused`(section: String, text: String, wanted: [String]) {
    let bytes = Array(text.utf8)
    for split in 0...bytes.count {
      let found = Self.decode([Array(bytes[..<split]), Array(bytes[split...])])
      #expect(found == wanted, "\(section) split at \(split)")
    }
    #expect(Self.decode(bytes.map { [$0] }) == wanted)
  }

  static let refused: [(String, String, String)] = [
    ("9112 3", "GET /\r\n\r\n", "badRequestLine"), ("9112 3", "GET  HTTP/1.1\r\n\r\n", "badTarget"),
    ("9112 3", "G(T / HTTP/1.1\r\n\r\n", "badRequestLine"), ("9112 3.2", "GET a HTTP/1.1\r\n\r\n", "badTarget"),
    ("9112 3.2", "GET /a b HTTP/1.1\r\n\r\n", "badTarget"), ("9112 3.2", "GET /a#b HTTP/1.1\r\n\r\n", "badTarget"),
    ("9112 3.2", "GET /\u{1} HTTP/1.1\r\n\r\n", "badTarget"), ("9112 3.2.4", "GET * HTTP/1.1\r\n\r\n", "badTarget"),
    ("9112 2.3", "GET / HTTP/2.0\r\n\r\n", "unsupportedVersion"),
    ("9112 2.3", "GET / http/1.1\r\n\r\n", "badVersion"), ("9112 2.3", "GET / HTTP/1.10\r\n\r\n", "badVersion"),
    ("9112 2.2", "GET / HTTP/1.1\nHost: a\n\n", "badField"),
    ("9112 2.2", "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", "badField"),
    ("9112 5.1", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "badField"),
    ("9112 5.2", "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", "badField"),
    ("9110 5.1", "GET / HTTP/1.1\r\n: a\r\n\r\n", "badField"),
    ("9110 5.1", "GET / HTTP/1.1\r\nHo st: a\r\n\r\n", "badField"),
    ("9110 5.1", "GET / HTTP/1.1\r\nHost\r\n\r\n", "badField"),
    ("9110 5.5", "GET / HTTP/1.1\r\nHost: a\u{0}\r\n\r\n", "badField"),
    ("9112 3.2", "GET / HTTP/1.1\r\n\r\n", "badHost"),
    ("9112 3.2", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "badHost"),
    ("9112 3.2", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "badHost"),
    ("9112 3.2", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", "badHost"),
    ("9112 6.3", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "badFraming"),
    ("9112 6.3", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "badFraming"),
    ("9112 6.3", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 2\r\n\r\n", "badFraming"),
    ("9112 6.2", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", "badFraming"),
    ("9112 6.2", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", "badFraming"),
    ("9112 6.2", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n", "badFraming"),
    ("9112 6.2", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 1\r\n\r\n", "badFraming"),
    ("9112 6.2", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", "badFraming"),
    ("9112 6.2", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", "badFraming"),
    ("9112 6.1", "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", "badFraming"),
    ("9112 6.1", "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "unsupportedTransferCoding"),
    ("9112 6.1", "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", "badFraming"),
    (
      "9112 6.1", "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n",
      "badFraming"
    ),
    ("9112 6.1", "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \u{B}chunked\r\n\r\n", "badField"),
    ("9112 6.1", "GET / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "badFraming"),
    ("9112 6.1", "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chun\u{212A}ed\r\n\r\n", "badFraming"),
  ]

  private static let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
  static let refusedChunks = [
    "x\r\n", "-1\r\n", "\r\n", "1\nA\r\n", "1\r\nAB\r\n", "1\r\nA\n", "g\r\n", "1 x\r\n", "ffffffffffffffff\r\n",
    "1\r\nA\r\n0\r\nbad trailer\r\n\r\n",
    "0x1\r\nA\r\n", String(repeating: "0", count: 5000) + "\r\n", "1;" + String(repeating: "x", count: 5000) + "\r\n",
  ]

  @Test(arguments: refused + refusedChunks.map { ("9112 7.1", chunked + $0, "badChunk") })
  func `are refused alike however they come`(section: String, text: String, code: String) {
    let bytes = Array(text.utf8)
    let last = Self.decode([bytes]).last
    let wanted = code == "badChunk" && text.contains("bad trailer") ? "badField" : code
    #expect(last == wanted, "\(section) \(text.debugDescription.prefix(120))")
    #expect(Self.decode(bytes.map { [$0] }).last == wanted, "\(section) byte by byte")
  }

  @Test func `have limits that hold to the byte`() {
    let limits = HTTPLimits()
    let rest = "GET / HTTP/1.1".utf8.count
    func line(_ count: Int) -> String {
      "GET /\(String(repeating: "x", count: count - rest)) HTTP/1.1\r\nHost: a\r\n\r\n"
    }
    #expect(Self.decode([Array(line(limits.requestLine).utf8)]).last == "end")
    #expect(Self.decode([Array(line(limits.requestLine + 1).utf8)]).last == "requestLineTooLong")
    func fields(_ count: Int) -> String {
      "GET / HTTP/1.1\r\nHost: a\r\n" + (1..<count).map { "x\($0): y\r\n" }.joined() + "\r\n"
    }
    #expect(Self.decode([Array(fields(limits.headerFields).utf8)]).last == "end")
    #expect(Self.decode([Array(fields(limits.headerFields + 1).utf8)]).last == "fieldsTooLarge")
    func block(_ count: Int) -> String {
      "GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "x", count: count - 14))\r\n\r\n"
    }
    #expect(Self.decode([Array(block(limits.headerBlock).utf8)]).last == "end")
    #expect(Self.decode([Array(block(limits.headerBlock + 3).utf8)]).last == "fieldsTooLarge")
  }
}

@Suite struct `Percent-encoding` {
  @Test(arguments: [
    ("a%20b", "a b"), ("%C3%A9", "é"), ("a+b", "a+b"), ("", ""), ("%zz", nil), ("%4", nil), ("%FF", nil),
  ])
  func `is taken off`(text: String, wanted: String?) { #expect(PercentEncoding.decode(text) == wanted) }

  @Test func `of queries gives pairs in order`() {
    let pairs = PercentEncoding.query("a=1&b=x+y&c&=d&a=%26")?.map { "\($0.name)|\($0.value)" }
    #expect(pairs == ["a|1", "b|x y", "c|", "|d", "a|&"])
  }

  @Test func `round trips`() {
    let text = "a b/é😀%&=+"
    #expect(PercentEncoding.decode(PercentEncoding.encode(text)) == text)
  }

  @Test func `is not needed for any byte of a field, wherever it stands`() {
    for length in 1...18 {
      for place in 0..<length {
        for byte in UInt8(0)..<128 {
          var value = [UInt8](repeating: UInt8(ascii: "a"), count: length)
          value[place] = byte
          var bytes: [UInt8] = []
          ResponseEncoder.field("x", String(decoding: value, as: UTF8.self), into: &bytes)
          if byte < 0x20 && byte != 0x09 || byte == 0x7F { value[place] = 0x20 }
          #expect(bytes == Array("x: ".utf8) + value + Array("\r\n".utf8))
        }
        let (before, behind) = (String(repeating: "a", count: place), String(repeating: "a", count: length - place))
        let wide = before + "\u{E9}\u{7FF}" + behind
        var bytes: [UInt8] = []
        ResponseEncoder.field("x", wide, into: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == "x: \(wide)\r\n")
      }
    }
  }

  @Test func `is not needed for fields, which cannot break out of their line`() {
    var bytes: [UInt8] = []
    ResponseEncoder.field("x", "a\r\nSet-Cookie: b\u{0}", into: &bytes)
    #expect(String(decoding: bytes, as: UTF8.self) == "x: a  Set-Cookie: b \r\n")
  }
}
