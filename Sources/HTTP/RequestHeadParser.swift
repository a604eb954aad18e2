import HTTPTypes

/// Reads one request head (RFC 9112 sections 3 and 5), a line at a time, as the bytes come.
///
///     empty lines -> request line -> field lines -> empty line
///
/// Strict where leniency lets requests be smuggled: lines end with CR LF only, no bare CR, no folded lines, no space
/// before the colon, exactly one `Host`, and a body length that is told in one way only.
struct RequestHeadParser: Sendable {
  private let limits: HTTPLimits
  private var lineStart = 0
  private var scanned = 0
  private var blockStart = 0
  private var head: RequestHead?
  /// What an absolute-form target names, which goes before `Host`.
  private var authority: String?
  /// The bytes of the head before this one, if they were few, and what they mean: most clients send the same ones again
  /// and again.
  private var previousBytes: [UInt8] = []
  private var previousHead: RequestHead?
  private static let rememberedBytes = 1024

  init(limits: HTTPLimits) { self.limits = limits }

  /// The head when its last line has come, otherwise nil; the head's bytes are consumed then.
  mutating func parse(_ queue: inout ByteQueue) throws(HTTPParseError) -> RequestHead? {
    if scanned == 0, !previousBytes.isEmpty, queue.starts(with: previousBytes) {
      queue.consume(previousBytes.count)
      return previousHead
    }
    while let end = queue.firstOffset(of: UInt8(ascii: "\n"), from: scanned) {
      scanned = end + 1
      let start = lineStart
      try checkSize(of: end - start, through: end + 1)
      lineStart = end + 1
      guard end > start, queue[end - 1] == UInt8(ascii: "\r") else {
        throw HTTPParseError(.badField, "a line must end with CR LF, found a bare LF", at: end)
      }
      let isLast = try queue.withBytes(start..<end - 1) { line throws(HTTPParseError) in try take(line, at: start) }
      if isLast {
        let head = try finish()
        let bytes = lineStart <= Self.rememberedBytes ? Array(queue[0..<lineStart]) : []
        queue.consume(lineStart)
        self = RequestHeadParser(limits: limits)
        if !bytes.isEmpty { (previousBytes, previousHead) = (bytes, head) }
        return head
      }
    }
    scanned = queue.count
    try checkSize(of: queue.count - lineStart, through: queue.count)
    return nil
  }

  /// Whether any byte of a head has been looked at, which makes a closed connection an early end.
  var hasBegun: Bool { head != nil || scanned > 0 }

  /// Limits hold for unfinished lines too, so that the answer does not depend on how the bytes were split.
  private func checkSize(of line: Int, through end: Int) throws(HTTPParseError) {
    if head == nil {
      guard line > limits.requestLine + 1 else { return }
      throw HTTPParseError(
        .requestLineTooLong, "the request line may have \(limits.requestLine) bytes, found more",
        at: lineStart + limits.requestLine)
    }
    guard end - blockStart > limits.headerBlock + 2 else { return }
    throw HTTPParseError(
      .fieldsTooLarge, "the header fields may have \(limits.headerBlock) bytes, found more",
      at: blockStart + limits.headerBlock)
  }

  /// Takes one line without its end; true when it was the empty line after the fields.
  private mutating func take(_ line: Span<UInt8>, at offset: Int) throws(HTTPParseError) -> Bool {
    guard head != nil else {
      if line.isEmpty {
        guard offset < 8 else {
          throw HTTPParseError(.badRequestLine, "wanted a request line, found only empty lines", at: offset)
        }
        return false
      }
      head = try requestLine(line, at: offset)
      blockStart = offset + line.count + 2
      return false
    }
    guard !line.isEmpty else { return true }
    guard (head?.fields.fields.count ?? 0) < limits.headerFields else {
      throw HTTPParseError(.fieldsTooLarge, "a request may have \(limits.headerFields) fields, found more", at: offset)
    }
    let field = try Self.field(line, at: offset)
    head?.fields.append(field.name, field.value)
    return false
  }

  /// One field line, also of trailers: each byte of it is looked at once and copied once.
  static func field(_ line: Span<UInt8>, at offset: Int) throws(HTTPParseError) -> (name: String, value: String) {
    var colon = 0
    while colon < line.count, ByteClasses.isToken(line[colon]) { colon += 1 }
    guard colon > 0, colon < line.count, line[colon] == UInt8(ascii: ":") else {
      throw badName(line, colon, at: offset)
    }
    var start = colon + 1
    while start < line.count, ByteClasses.isBlank(line[start]) { start += 1 }
    var end = line.count
    while end > start, ByteClasses.isBlank(line[end - 1]) { end -= 1 }
    for index in start..<end where !ByteClasses.isFieldValue(line[index]) {
      throw HTTPParseError(.badField, "a field value must not hold control characters", at: offset + index)
    }
    let name = unsafe String(unsafeUninitializedCapacity: colon) { buffer in
      for index in 0..<colon { unsafe buffer[index] = ByteClasses.lowercase(line[index]) }
      return colon
    }
    return (name, line.extracting(start..<end).text)
  }

  /// What is wrong with a line whose name ends at a byte that is no colon.
  private static func badName(_ line: Span<UInt8>, _ end: Int, at offset: Int) -> HTTPParseError {
    if let first = line.isEmpty ? nil : line[0], ByteClasses.isBlank(first) {
      return HTTPParseError(.badField, "a field line must not be folded", at: offset)
    }
    guard end > 0, end < line.count else {
      return HTTPParseError(.badField, "a field line must be 'name: value'", at: offset)
    }
    return HTTPParseError(.badField, "a field name must be a token, and a colon follow it", at: offset + end)
  }
}

extension RequestHeadParser {
  /// `method SP request-target SP HTTP-version` (RFC 9112 section 3).
  private mutating func requestLine(_ line: Span<UInt8>, at offset: Int) throws(HTTPParseError) -> RequestHead {
    if let bare = line.firstIndex(of: UInt8(ascii: "\r")) {
      throw HTTPParseError(.badField, "a CR must be followed by LF, found another byte", at: offset + bare)
    }
    var last = line.count - 1
    while last > 0, line[last] != 0x20 { last -= 1 }
    guard let first = line.firstIndex(of: 0x20), first < last else {
      throw HTTPParseError(.badRequestLine, "the request line must be 'METHOD TARGET HTTP/1.1'", at: offset)
    }
    let method = try Self.method(line.extracting(0..<first), at: offset)
    for index in first + 1..<last where !ByteClasses.isTarget(line[index]) {
      throw HTTPParseError(
        .badTarget, "the request target must be visible ASCII without spaces", at: offset + index)
    }
    let minorVersion = try Self.minorVersion(line.extracting(last + 1..<line.count), at: offset + last + 1)
    let (path, query) = try split(line.extracting(first + 1..<last), method: method, at: offset + first + 1)
    var head = RequestHead(
      method: method, path: path, query: query, minorVersion: minorVersion, fields: HeaderFields(), framing: .none)
    head.fields.reserveCapacity(8)
    return head
  }

  private static func method(_ token: Span<UInt8>, at offset: Int) throws(HTTPParseError) -> HTTPRequest.Method {
    if token.isEqual(to: "GET") { return .get }
    if token.isEqual(to: "POST") { return .post }
    for index in 0..<token.count where !ByteClasses.isToken(token[index]) {
      throw HTTPParseError(.badRequestLine, "the method must be a token", at: offset + index)
    }
    guard let method = HTTPRequest.Method(token.text) else {
      throw HTTPParseError(.badRequestLine, "the method must be a token", at: offset)
    }
    return method
  }

  private static func minorVersion(_ text: Span<UInt8>, at offset: Int) throws(HTTPParseError) -> Int {
    if text.isEqual(to: "HTTP/1.1") { return 1 }
    if text.isEqual(to: "HTTP/1.0") { return 0 }
    guard text.count == 8, text.extracting(0..<5).isEqual(to: "HTTP/"), ByteClasses.isDigit(text[5]),
      text[6] == UInt8(ascii: "."), ByteClasses.isDigit(text[7])
    else { throw HTTPParseError(.badVersion, "the version must be 'HTTP/1.1'", at: offset) }
    guard text[5] == UInt8(ascii: "1") else {
      throw HTTPParseError(.unsupportedVersion, "only HTTP/1.1 and HTTP/1.0 are spoken here", at: offset)
    }
    return 1
  }

  /// The path and query of a target in one of its four forms (RFC 9112 section 3.2).
  private mutating func split(
    _ target: Span<UInt8>, method: HTTPRequest.Method, at offset: Int
  ) throws(HTTPParseError) -> (path: String, query: String?) {
    var start = 0
    if target.isEmpty || target[0] != UInt8(ascii: "/") {
      if method == .options, target.isEqual(to: "*") { return ("*", nil) }
      if method == .connect, Authority.isValid(target.copy, emptyHost: false) { return (target.text, nil) }
      start = try absoluteForm(target, at: offset)
    }
    guard target.firstIndex(of: UInt8(ascii: "#")) == nil else {
      throw HTTPParseError(.badTarget, "the request target must not hold a fragment", at: offset)
    }
    let rest = target.extracting(start..<target.count)
    guard let mark = rest.firstIndex(of: UInt8(ascii: "?")) else { return (rest.isEmpty ? "/" : rest.text, nil) }
    let path = rest.extracting(0..<mark)
    return (path.isEmpty ? "/" : path.text, rest.extracting(mark + 1..<rest.count).text)
  }
}

extension RequestHeadParser {
  /// Takes the authority off an absolute-form target and returns where the rest begins.
  private mutating func absoluteForm(_ target: Span<UInt8>, at offset: Int) throws(HTTPParseError) -> Int {
    let bytes = target.copy
    // A target of https is none of ours: what came over plain TCP cannot be trusted as if it had been secured
    // (RFC 9110 section 7.4).
    guard bytes.prefix(7).map(ByteClasses.lowercase).elementsEqual("http://".utf8) else {
      throw HTTPParseError(
        .badTarget, "the request target must be a path that starts with '/', or begin with http://", at: offset)
    }
    let rest = bytes.dropFirst(7)
    let end = rest.firstIndex { "/?#".utf8.contains($0) } ?? rest.endIndex
    guard Authority.isValid(rest[..<end], emptyHost: false) else {
      throw HTTPParseError(.badTarget, "the request target must name a host with an optional port", at: offset + 7)
    }
    authority = String(decoding: rest[..<end], as: UTF8.self)
    return end
  }

  /// Checks what only the whole head can tell: `Host` (RFC 9112 section 3.2) and the body's length (section 6).
  private func finish() throws(HTTPParseError) -> RequestHead {
    guard var head else { throw HTTPParseError(.badRequestLine, "wanted a request line, found none", at: 0) }
    var hosts = 0
    var hasBody = false
    for field in head.fields.fields {
      if field.name == "host" {
        hosts += 1
        guard Authority.isUsual(field.value) || Authority.isValid(field.value.utf8, emptyHost: true) else {
          throw HTTPParseError(.badHost, "the Host field must be a host with an optional port", at: blockStart)
        }
      }
      hasBody = hasBody || field.name == "content-length" || field.name == "transfer-encoding"
    }
    guard hosts == 1 || head.minorVersion == 0 && hosts == 0 else {
      throw HTTPParseError(.badHost, "a request must have one Host field, found \(hosts)", at: blockStart)
    }
    if let authority { head.fields["host"] = authority }
    if hasBody { head.framing = try framing(of: head) }
    return head
  }

  private func framing(of head: RequestHead) throws(HTTPParseError) -> RequestHead.BodyFraming {
    let lengths = head.fields.values(of: "content-length")
    let codings = head.fields.values(of: "transfer-encoding")
    guard codings.isEmpty else {
      guard lengths.isEmpty else {
        throw HTTPParseError(
          .badFraming, "a request must not have both Content-Length and Transfer-Encoding", at: blockStart)
      }
      guard head.minorVersion == 1 else {
        throw HTTPParseError(.badFraming, "HTTP/1.0 knows no Transfer-Encoding", at: blockStart)
      }
      let names = head.fields.tokens(of: "transfer-encoding")
      guard names.last == "chunked" else {
        throw HTTPParseError(.badFraming, "the last transfer coding must be 'chunked'", at: blockStart)
      }
      guard names.count == 1 else {
        let code: HTTPParseError.Code = names.dropLast().contains("chunked") ? .badFraming : .unsupportedTransferCoding
        throw HTTPParseError(code, "the only transfer coding spoken here is 'chunked'", at: blockStart)
      }
      return .chunked
    }
    guard let first = lengths.first else { return .none }
    // Several equal lengths are one (RFC 9110 section 8.6); an empty member or a sign is no length.
    let members = lengths.flatMap { $0.split(separator: ",", omittingEmptySubsequences: false) }.map(
      \.withoutOuterSpace)
    guard let value = Self.length(members[0]), members.allSatisfy({ Self.length($0) == value }) else {
      throw HTTPParseError(.badFraming, "Content-Length must be one decimal number, found '\(first)'", at: blockStart)
    }
    return value == 0 ? .none : .length(value)
  }

  /// Digits only; at most 15 of them behind leading zeros, which is far above any limit and cannot overflow.
  private static func length(_ text: Substring) -> Int? {
    guard !text.isEmpty, text.utf8.allSatisfy(ByteClasses.isDigit) else { return nil }
    let digits = text.drop { $0 == "0" }
    guard digits.utf8.count <= 15 else { return nil }
    return digits.isEmpty ? 0 : Int(digits)
  }
}
