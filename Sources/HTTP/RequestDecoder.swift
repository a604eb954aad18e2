/// Takes a stream of bytes apart into requests (RFC 9112): pure, no input or output of its own.
///
///     idle -> head -> body ... -> end -> idle
///                 \-> end (no body)
///
/// Each call of `next` yields one event or asks for more bytes with nil. Pipelined requests follow one another.
package struct RequestDecoder: Sendable {
  /// What was found.
  package enum Event: Sendable {
    /// A request begins.
    case head(RequestHead)
    /// Bytes of its body, at least one.
    case body([UInt8])
    /// The request is complete.
    case end
  }

  private enum State: Sendable {
    case head
    case length(remaining: Int)
    case chunked(ChunkedDecoder)
    case end
    case failed(HTTPParseError)
  }

  private let limits: HTTPLimits
  private var state = State.head
  private var parser: RequestHeadParser

  /// A decoder at the start of a connection.
  package init(limits: HTTPLimits = HTTPLimits()) {
    self.limits = limits
    parser = RequestHeadParser(limits: limits)
  }

  /// Whether the last byte seen was the last of a request, so that closing loses nothing.
  package private(set) var isIdle = true

  /// The next event in the queue, or nil when more bytes are needed.
  ///
  /// - Throws: `HTTPParseError`, and the same again on every later call: nothing after an error can be trusted.
  package mutating func next(_ queue: inout ByteQueue) throws(HTTPParseError) -> Event? {
    do {
      let event = try step(&queue)
      switch state {
      case .head: isIdle = !parser.hasBegun
      case .end: isIdle = true
      default: isIdle = false
      }
      return event
    } catch {
      state = .failed(error)
      isIdle = false
      throw error
    }
  }

  private mutating func step(_ queue: inout ByteQueue) throws(HTTPParseError) -> Event? {
    switch state {
    case .head:
      guard let head = try parser.parse(&queue) else { return nil }
      switch head.framing {
      case .none: state = .end
      case .length(let count): state = .length(remaining: count)
      case .chunked: state = .chunked(ChunkedDecoder(limits: limits))
      }
      return .head(head)
    case .length(let remaining):
      guard !queue.isEmpty else { return nil }
      let count = min(remaining, queue.count)
      state = remaining == count ? .end : .length(remaining: remaining - count)
      return .body(queue.take(count))
    case .chunked(var decoder):
      state = .end
      let event = try decoder.next(&queue)
      guard case .end? = event else {
        state = .chunked(decoder)
        guard case .data(let bytes)? = event else { return nil }
        return .body(bytes)
      }
      state = .head
      return .end
    case .end:
      state = .head
      return .end
    case .failed(let error):
      throw error
    }
  }
}
