import HTTP
import Testing
import WebSocket

@Suite struct `WebSocket frames` {
  /// A masked client frame, made without the code under test.
  private static func frame(_ first: UInt8, _ payload: [UInt8], length: [UInt8]? = nil) -> [UInt8] {
    let key: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
    let count = payload.count
    let size: [UInt8] =
      length
      ?? (count < 126
        ? [UInt8(count)]
        : count < 65_536
          ? [126, UInt8(count >> 8), UInt8(count & 255)]
          : [127] + (0..<8).map { UInt8(truncatingIfNeeded: count >> (56 - 8 * $0)) })
    return [first, size[0] | 0x80] + size.dropFirst() + key + payload.enumerated().map { $1 ^ key[$0 & 3] }
  }

  private static func decode(_ parts: [[UInt8]], limit: Int = 1 << 20) -> [String] {
    var decoder = WebSocketDecoder(maximumMessage: limit)
    var queue = ByteQueue()
    var found: [String] = []
    do {
      for part in parts {
        queue.append(part)
        while let event = try decoder.next(&queue) {
          switch event {
          case .text(let text): found.append("text \(text.utf8.count) \(text.prefix(8))")
          case .binary(let bytes): found.append("binary \(bytes.count)")
          case .ping(let bytes): found.append("ping \(bytes.count)")
          case .pong(let bytes): found.append("pong \(bytes.count)")
          case .close(let code, let reason): found.append("close \(code?.rawValue ?? 0) \(reason)")
          }
        }
      }
    } catch {
      found.append("error \(error.code.rawValue)")
    }
    return found
  }

  @Test(arguments: [0, 1, 125, 126, 127, 128, 65_535, 65_536, 100_000])
  func `of every size are taken (groups 1 and 9)`(size: Int) {
    let payload = [UInt8](repeating: UInt8(ascii: "*"), count: size)
    #expect(Self.decode([Self.frame(0x81, payload)]) == ["text \(size) \(String(repeating: "*", count: min(8, size)))"])
    #expect(Self.decode([Self.frame(0x82, payload)]) == ["binary \(size)"])
  }

  static let sequences: [(String, [UInt8], [String])] = [
    ("2 ping", frame(0x89, [1, 2]), ["ping 2"]), ("2 pong", frame(0x8A, []), ["pong 0"]),
    ("2 long ping", frame(0x89, [UInt8](repeating: 0, count: 126)), ["error 1002"]),
    ("3 reserved bit", frame(0xC1, [65]), ["error 1002"]), ("3 reserved bit", frame(0xA1, [65]), ["error 1002"]),
    ("3 reserved bit", frame(0x91, [65]), ["error 1002"]), ("4 opcode 3", frame(0x83, []), ["error 1002"]),
    ("4 opcode 11", frame(0x8B, []), ["error 1002"]), ("5 fragmented ping", frame(0x09, []), ["error 1002"]),
    ("5 fragments", frame(0x01, [65]) + frame(0x00, [66]) + frame(0x80, [67]), ["text 3 ABC"]),
    ("5 control between", frame(0x01, [65]) + frame(0x89, []) + frame(0x80, [66]), ["ping 0", "text 2 AB"]),
    ("5 continuation of nothing", frame(0x80, [65]), ["error 1002"]),
    ("5 message in a message", frame(0x01, [65]) + frame(0x81, [66]), ["error 1002"]),
    ("6 split character", frame(0x01, [0xC3]) + frame(0x80, [0xA9]), ["text 2 é"]),
    ("6 cut character", frame(0x81, [0xC3]), ["error 1007"]),
    ("6 overlong", frame(0x81, [0xC0, 0xAF]), ["error 1007"]),
    ("6 surrogate", frame(0x81, [0xED, 0xA0, 0x80]), ["error 1007"]),
    ("6 too high", frame(0x81, [0xF4, 0x90, 0x80, 0x80]), ["error 1007"]),
    ("6 early", frame(0x01, [0xFF]), ["error 1007"]), ("7 close", frame(0x88, []), ["close 0 "]),
    ("7 reason", frame(0x88, [0x03, 0xE8] + Array("bye".utf8)), ["close 1000 bye"]),
    ("7 one byte", frame(0x88, [3]), ["error 1002"]),
    ("7 bad reason", frame(0x88, [0x03, 0xE8, 0xFF]), ["error 1007"]),
    ("5.2 long form", frame(0x81, [65], length: [126, 0, 1]), ["error 1002"]),
    ("5.2 longest form", frame(0x81, [65], length: [127, 0, 0, 0, 0, 0, 0, 0, 1]), ["error 1002"]),
    ("5.2 top bit", frame(0x81, [], length: [127, 0x80, 0, 0, 0, 0, 0, 0, 0]), ["error 1002"]),
    ("5.1 unmasked", [0x81, 0x01, 65], ["error 1002"]),
  ]

  @Test(arguments: sequences)
  func `are judged alike at every split`(name: String, bytes: [UInt8], wanted: [String]) {
    for split in 0...bytes.count {
      #expect(Self.decode([Array(bytes[..<split]), Array(bytes[split...])]) == wanted, "\(name) split at \(split)")
    }
    #expect(Self.decode(bytes.map { [$0] }) == wanted)
  }

  @Test(arguments: [
    (1000, true), (1001, true), (1003, true), (1007, true), (1011, true), (1014, true), (3000, true), (4999, true),
    (0, false),
    (999, false), (1004, false), (1005, false), (1006, false), (1015, false), (1016, false), (2999, false),
    (5000, false), (65_535, false),
  ])
  func `of closing have codes that are for the wire (group 7)`(code: Int, isValid: Bool) {
    let found = Self.decode([Self.frame(0x88, [UInt8(code >> 8), UInt8(code & 255)])])
    #expect(found == [isValid ? "close \(code) " : "error 1002"])
  }

  @Test func `above the limit are refused before they come`() {
    #expect(
      Self.decode([Array(Self.frame(0x82, [UInt8](repeating: 0, count: 101)).prefix(10))], limit: 100) == ["error 1009"]
    )
    let two = Self.frame(0x02, [UInt8](repeating: 0, count: 60))
    #expect(Self.decode([two + Self.frame(0x80, [UInt8](repeating: 0, count: 41))], limit: 100) == ["error 1009"])
  }

  @Test func `of the server are short and unmasked`() {
    #expect(FrameEncoder.text("Hello") == [0x81, 5] + Array("Hello".utf8))
    #expect(FrameEncoder.frame(.binary, [UInt8](repeating: 0, count: 126)).prefix(4) == [0x82, 126, 0, 126])
    #expect(
      FrameEncoder.frame(.binary, [UInt8](repeating: 0, count: 65_536)).prefix(10) == [
        0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0,
      ])
    let close = FrameEncoder.close(.goingAway, reason: String(repeating: "é", count: 100))
    #expect(close[1] <= 125)
    #expect(String(validating: close[4...], as: UTF8.self) != nil)
  }

  @Test func `begin with the handshake of RFC 6455`() {
    #expect(WebSocketHandshake.acceptValue(for: "dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
  }
}

@Suite struct `Text of WebSocket messages` {
  /// The bytes at which the ranges of RFC 3629 begin and end, and those beside them.
  private static let edges: [UInt8] = [
    0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0,
    0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
  ]

  /// Whether a decoder takes a text whose bytes stand in one frame, under a mask of zeros.
  private static func isTaken(_ text: [UInt8]) -> Bool {
    var decoder = WebSocketDecoder(maximumMessage: 1 << 20)
    var queue = ByteQueue()
    queue.append([0x81, 0x80 | UInt8(text.count), 0, 0, 0, 0] + text)
    do throws(WebSocketError) { return try decoder.next(&queue) != nil } catch { return false }
  }

  @Test(arguments: edges)
  func `is what Unicode says is UTF-8, for every edge behind every other`(first: UInt8) {
    var wrong: [[UInt8]] = []
    func check(_ text: [UInt8], _ depth: Int) {
      if Self.isTaken(text) != (String(validating: text, as: UTF8.self) != nil) { wrong.append(text) }
      guard depth > 0 else { return }
      for byte in Self.edges { check(text + [byte], depth - 1) }
    }
    check([first], first >= 0xF0 ? 3 : 2)
    #expect(wrong == [])
  }

  @Test func `is checked behind any number of ASCII characters`() {
    for count in 0...110 {
      let start = [UInt8](repeating: 0x61, count: count)
      #expect(Self.isTaken(start + [0xE2, 0x82, 0xAC]), "\(count)")
      #expect(!Self.isTaken(start + [0xE2, 0x82]), "\(count)")
      #expect(!Self.isTaken(start + [0xFF]), "\(count)")
    }
  }
}
