import HTTP
import HTTPTypes

/// What a request decoder made of bytes.
struct DecodedRequests: Equatable {
  struct Request: Equatable {
    var method: String
    var path: String
    var query: String?
    var minorVersion: Int
    var fields: HeaderFields
    var framing: RequestHead.BodyFraming
    var body: [UInt8] = []
    var isComplete = false
  }

  var requests: [Request] = []
  var error: HTTPParseError?
  /// Bytes that are neither taken nor refused.
  var left = 0
  var isIdle = true

  /// What the decoder makes of these parts, one after the other.
  init(_ parts: [[UInt8]], limits: HTTPLimits) throws(Violation) {
    var decoder = RequestDecoder(limits: limits)
    var queue = ByteQueue()
    do throws(HTTPParseError) {
      for part in parts {
        queue.append(part)
        while let event = try decoder.next(&queue) {
          do throws(Violation) { try take(event) } catch { violation = error }
        }
      }
      left = queue.count
      isIdle = decoder.isIdle
    } catch {
      self.error = error
      var again: HTTPParseError?
      do throws(HTTPParseError) { _ = try decoder.next(&queue) } catch { again = error }
      try claim(again == error, "an error must come again on every later call")
    }
    if let violation { throw violation }
  }

  static func == (left: Self, right: Self) -> Bool {
    left.requests == right.requests && left.error == right.error && left.left == right.left
      && left.isIdle == right.isIdle
  }

  private var violation: Violation?

  private mutating func take(_ event: RequestDecoder.Event) throws(Violation) {
    guard case .head(let head) = event else {
      guard let last = requests.indices.last, !requests[last].isComplete else {
        throw Violation("a body or an end must follow a head")
      }
      if case .body(let bytes) = event {
        try claim(!bytes.isEmpty, "a part of a body must have a byte")
        requests[last].body += bytes
      } else {
        requests[last].isComplete = true
      }
      return
    }
    try claim(requests.last?.isComplete ?? true, "a head must not stand inside a request")
    requests.append(
      Request(
        method: head.method.rawValue, path: head.path, query: head.query, minorVersion: head.minorVersion,
        fields: head.fields, framing: head.framing))
  }
}

/// Of requests: the split does not matter, what is accepted is safe to use, and written again it reads the same.
enum RequestProperties {
  static func check(_ input: inout FuzzInput) throws(Violation) {
    let limits = limits(input.options)
    let whole = try DecodedRequests([input.bytes], limits: limits)
    for parts in input.deliveries.dropFirst() {
      let found = try DecodedRequests(parts, limits: limits)
      try claim(found == whole, "\(parts.count) parts must give \(whole), gave \(found)")
    }
    for request in whole.requests { try check(request, limits) }
  }

  /// The real limits, or such as short inputs can reach.
  static func limits(_ options: UInt8) -> HTTPLimits {
    var limits = HTTPLimits()
    guard options & 1 != 0 else { return limits }
    limits.requestLine = 48
    limits.headerBlock = 160
    limits.headerFields = 6
    limits.chunkLine = 24
    limits.trailers = 64
    return limits
  }

  private static func check(_ request: DecodedRequests.Request, _ limits: HTTPLimits) throws(Violation) {
    let isWithoutPath = request.path == "*" && request.method == "OPTIONS" || request.method == "CONNECT"
    try claim(request.path.hasPrefix("/") || isWithoutPath, "a path must begin with /, found \(request.path)")
    let target = request.path.utf8 + Array((request.query ?? "").utf8)
    try claim(target.allSatisfy { $0 > 0x20 && $0 != 0x7F }, "a target must not hold blanks or control characters")
    // The authority of an absolute target is one field more (RFC 9112 section 3.2.2).
    try claim(request.fields.fields.count <= limits.headerFields + 1, "there must be no more fields than allowed")
    for field in request.fields.fields {
      try claim(!field.name.isEmpty && field.name.utf8.allSatisfy(isNameByte), "a name must be a token in lower case")
      try claim(field.value.utf8.allSatisfy { $0 != 0 && $0 != 10 && $0 != 13 }, "a value must be on one line")
    }
    let hosts = request.fields.values(of: "host").count
    try claim(hosts == 1 || hosts == 0 && request.minorVersion == 0, "there must be one Host, found \(hosts)")
    if case .length(let count) = request.framing {
      try claim(request.body.count <= count, "a body must not be longer than its length")
      try claim(!request.isComplete || request.body.count == count, "a body must be as long as its length says")
    }
    if request.framing == .none { try claim(request.body.isEmpty, "there must be no body") }
    try checkWritten(request)
  }

  /// What was read, written by the encoder, must be read as the same.
  private static func checkWritten(_ request: DecodedRequests.Request) throws(Violation) {
    guard request.isComplete else { return }
    let target = request.path + (request.query.map { "?" + $0 } ?? "")
    var bytes = Array("\(request.method) \(target) HTTP/1.\(request.minorVersion)\r\n".utf8)
    for field in request.fields.fields { ResponseEncoder.field(field.name, field.value, into: &bytes) }
    ResponseEncoder.endHead(into: &bytes)
    if request.framing == .chunked {
      ResponseEncoder.chunk(request.body, into: &bytes)
      ResponseEncoder.lastChunk(into: &bytes)
    } else {
      bytes += request.body
    }
    // Written out a request may be longer than it was, by blanks and by characters that were none.
    var limits = HTTPLimits()
    limits.requestLine = .max / 4
    limits.headerBlock = .max / 4
    limits.headerFields = .max / 4
    let found = try DecodedRequests([bytes], limits: limits)
    try claim(found.requests == [request] && found.error == nil, "\(request) was written and read as \(found)")
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
    default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
  }
}

/// Of chunks: as of requests, and what the encoder writes is read as it was.
enum ChunkedProperties {
  private static let head = Array("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n".utf8)

  static func check(_ input: inout FuzzInput) throws(Violation) {
    var limits = RequestProperties.limits(input.options)
    // The fixed head must fit.
    limits.requestLine = 64
    let whole = try DecodedRequests([head + input.bytes], limits: limits)
    for parts in input.deliveries.dropFirst() {
      let found = try DecodedRequests([head] + parts, limits: limits)
      try claim(found == whole, "\(parts.count) parts must give \(whole), gave \(found)")
    }
    guard let first = whole.requests.first else { throw Violation("the fixed head must be taken") }
    try claim(first.body.count <= input.bytes.count, "a body must not have more bytes than came")
    var bytes = head
    ResponseEncoder.chunk(Array(input.bytes[..<input.split]), into: &bytes)
    ResponseEncoder.chunk(Array(input.bytes[input.split...]), into: &bytes)
    ResponseEncoder.lastChunk(into: &bytes)
    let written = try DecodedRequests([bytes], limits: limits)
    try claim(
      written.requests.map(\.body) == [input.bytes] && written.requests[0].isComplete && written.isIdle,
      "chunks that were written must be read as they were")
  }
}
