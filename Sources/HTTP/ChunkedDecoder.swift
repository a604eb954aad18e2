/// Takes the chunks of a body apart (RFC 9112 section 7.1) as the bytes come.
///
///     size line -> data -> CR LF -> size line ... -> 0 size line -> trailer lines -> empty line
///
/// Chunk extensions and trailers are checked and skipped. Line ends are CR LF only.
struct ChunkedDecoder: Sendable {
  private enum State: Sendable {
    case size
    case data(remaining: Int)
    case dataEnd
    case trailers(count: Int)
    case done
  }

  enum Event: Sendable, Hashable {
    case data([UInt8])
    case end
  }

  private let limits: HTTPLimits
  private var state = State.size
  private var position = 0

  init(limits: HTTPLimits) { self.limits = limits }

  /// The next event, or nil when more bytes are needed.
  ///
  /// After `.end` it is never called again.
  mutating func next(_ queue: inout ByteQueue) throws(HTTPParseError) -> Event? {
    while true {
      switch state {
      case .size:
        guard let line = try line(&queue, limit: limits.chunkLine) else { return nil }
        let size = try size(of: line)
        state = size == 0 ? .trailers(count: 0) : .data(remaining: size)
      case .data(let remaining):
        guard !queue.isEmpty else { return nil }
        let count = min(remaining, queue.count)
        state = remaining == count ? .dataEnd : .data(remaining: remaining - count)
        position += count
        return .data(queue.take(count))
      case .dataEnd:
        if let first = queue.isEmpty ? nil : queue[0], first != UInt8(ascii: "\r") { throw dataEndError() }
        guard queue.count >= 2 else { return nil }
        guard queue[1] == UInt8(ascii: "\n") else { throw dataEndError() }
        queue.consume(2)
        position += 2
        state = .size
      case .trailers(let count):
        guard let line = try line(&queue, limit: limits.trailers - count) else { return nil }
        guard !line.isEmpty else {
          state = .done
          return .end
        }
        _ = try RequestHeadParser.field(line.span, at: position - line.count - 2)
        state = .trailers(count: count + line.count + 2)
      case .done:
        return .end
      }
    }
  }

  private func dataEndError() -> HTTPParseError {
    HTTPParseError(.badChunk, "chunk data must end with CR LF where its size says", at: position)
  }

  private mutating func line(_ queue: inout ByteQueue, limit: Int) throws(HTTPParseError) -> ArraySlice<UInt8>? {
    guard let end = queue.firstOffset(of: UInt8(ascii: "\n"), from: 0), end <= limit else {
      guard queue.count <= limit else {
        throw HTTPParseError(.badChunk, "a chunk-size or trailer line is too long", at: position + limit)
      }
      return nil
    }
    let line = queue[0..<end]
    guard line.last == UInt8(ascii: "\r"), !line.dropLast().contains(UInt8(ascii: "\r")) else {
      throw HTTPParseError(.badChunk, "a chunk-size or trailer line must end with CR LF", at: position + end)
    }
    queue.consume(end + 1)
    position += end + 1
    return line.dropLast()
  }

  /// `chunk-size [ chunk-ext ]`: hexadecimal digits only, at most 15 behind leading zeros.
  private func size(of line: ArraySlice<UInt8>) throws(HTTPParseError) -> Int {
    var size = 0
    var index = line.startIndex
    while index < line.endIndex, let digit = ByteClasses.hexadecimal(line[index]) {
      guard size < 1 << 56 else { throw badSize() }
      size = size << 4 | digit
      index += 1
    }
    let rest = line[index...]
    let extensions = rest.drop { $0 == 0x20 || $0 == 0x09 }
    guard index > line.startIndex, rest.isEmpty || extensions.first == UInt8(ascii: ";"),
      rest.allSatisfy(ByteClasses.isFieldValue)
    else { throw badSize() }
    return size
  }

  private func badSize() -> HTTPParseError {
    HTTPParseError(.badChunk, "a chunk size must be hexadecimal digits", at: position)
  }
}
