/// Takes secrets out of a text that comes in pieces, also those that are split between pieces.
///
/// What may be the beginning of a secret is held back until more has come; everything else goes on at once. With
/// `finish` the rest comes out.
package struct StreamRedactor: Sendable {
  /// Bytes that are held back at the most: what is longer is taken for what it looks like.
  static let longest = 16 * 1024

  private let redactor: Redactor
  /// The last bytes that went on, as they came, and behind them those that are held back.
  private var buffer: [UInt8] = []
  private var held = 0

  /// A stream with nothing held back.
  package init(_ redactor: Redactor) { self.redactor = redactor }

  /// Takes a piece; returns what may go on.
  package mutating func receive(_ piece: [UInt8]) -> [UInt8] {
    buffer.append(contentsOf: piece)
    return advance(isEnd: false)
  }

  /// Takes a piece of text; returns what may go on.
  package mutating func receive(_ piece: String) -> String {
    String(decoding: receive(Array(piece.utf8)), as: UTF8.self)
  }

  /// Returns what was held back.
  package mutating func finish() -> [UInt8] {
    let rest = advance(isEnd: true)
    buffer = []
    held = 0
    return rest
  }

  /// Returns what was held back, as text.
  package mutating func finishText() -> String { String(decoding: finish(), as: UTF8.self) }

  private mutating func advance(isEnd: Bool) -> [UInt8] {
    let bytes = buffer
    let span = bytes.span
    var output: [UInt8] = []
    var position = held
    var copied = held
    scan: while true {
      let start = redactor.candidate(in: span, from: position) ?? span.count
      // A stretch that has grown too long is judged by what is there.
      let isEnd = isEnd || span.count - start > Self.longest
      switch start < span.count ? redactor.find(in: span, at: start, isEnd: isEnd) : .undecided {
      case .none: position = start + 1
      case .secret(let range):
        output.append(contentsOf: bytes[copied..<range.lowerBound])
        output.append(contentsOf: Redactor.marker.utf8)
        (position, copied) = (range.upperBound, range.upperBound)
      case .undecided:
        // The rest is held back, or there is none.
        output.append(contentsOf: bytes[copied..<start])
        position = start
        break scan
      }
    }
    let kept = max(0, position - Redactor.lookBehind)
    buffer = Array(bytes[kept...])
    held = position - kept
    return output
  }
}
