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

  init(limits: HTTPLimits) { self.limits = limits }

  /// The head when its last line has come, otherwise nil; the head's bytes are consumed then.
  mutating func parse(_ queue: inout ByteQueue) throws(HTTPParseError) -> RequestHead? {
    while let end = queue.firstOffset(of: UInt8(ascii: "\n"), from: scanned) {
      scanned = end + 1
      let start = lineStart
      try checkSize(of: end - start, through: end + 1)
      lineStart = end + 1
      let line = queue[start..<end]
      guard line.last == UInt8(ascii: "\r") else {
        throw HTTPParseError(.badField, "a line must end with CR LF, found a bare LF", at: end)
      }
      if try take(line.dropLast(), at: start) {
        queue.consume(lineStart)
        defer { self = RequestHeadParser(limits: limits) }
        return try finish()
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
  private mutating func take(_ line: ArraySlice<UInt8>, at offset: Int) throws(HTTPParseError) -> Bool {
    if let bare = line.firstIndex(of: UInt8(ascii: "\r")) {
      throw HTTPParseError(
        .badField, "a CR must be followed by LF, found another byte", at: offset + bare - line.startIndex)
    }
    if head == nil {
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

  /// One field line, also of trailers.
  static func field(_ line: ArraySlice<UInt8>, at offset: Int) throws(HTTPParseError) -> (name: String, value: String) {
    func error(_ message: String, _ index: Int) -> HTTPParseError {
      HTTPParseError(.badField, message, at: offset + index - line.startIndex)
    }
    if line.first == UInt8(ascii: " ") || line.first == UInt8(ascii: "\t") {
      throw error("a field line must not be folded", line.startIndex)
    }
    guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex else {
      throw error("a field line must be 'name: value'", line.startIndex)
    }
    var isToken = true
    let name = unsafe String(unsafeUninitializedCapacity: colon - line.startIndex) { buffer in
      for index in line.startIndex..<colon {
        let lower = ByteClasses.token[Int(line[index])]
        if lower == 0 { isToken = false }
        unsafe buffer[index - line.startIndex] = lower
      }
      return colon - line.startIndex
    }
    guard isToken else { throw error("a field name must be a token", line.startIndex) }
    var value = line[(colon + 1)...]
    while let byte = value.first, byte == 0x20 || byte == 0x09 { value.removeFirst() }
    while let byte = value.last, byte == 0x20 || byte == 0x09 { value.removeLast() }
    if let bad = value.firstIndex(where: { !ByteClasses.isFieldValue($0) }) {
      throw error("a field value must not hold control characters", bad)
    }
    return (name, String(decoding: value, as: UTF8.self))
  }
}

extension RequestHeadParser {
  /// `method SP request-target SP HTTP-version` (RFC 9112 section 3).
  private mutating func requestLine(_ line: ArraySlice<UInt8>, at offset: Int) throws(HTTPParseError) -> RequestHead {
    guard let first = line.firstIndex(of: 0x20), let last = line.lastIndex(of: 0x20), first < last else {
      throw HTTPParseError(.badRequestLine, "the request line must be 'METHOD TARGET HTTP/1.1'", at: offset)
    }
    let method = try Self.method(line[..<first], at: offset)
    let target = line[(first + 1)..<last]
    let version = line[(last + 1)...]
    if let bad = target.firstIndex(where: { !ByteClasses.isTarget($0) }) {
      throw HTTPParseError(
        .badTarget, "the request target must be visible ASCII without spaces", at: offset + bad - line.startIndex)
    }
    let versionOffset = offset + last + 1 - line.startIndex
    let minorVersion = try Self.minorVersion(version, at: versionOffset)
    let (path, query) = try split(target, method: method, at: offset + first + 1 - line.startIndex)
    var head = RequestHead(
      method: method, path: path, query: query, minorVersion: minorVersion, fields: HeaderFields(), framing: .none)
    head.fields.reserveCapacity(8)
    return head
  }

  private static func method(_ token: ArraySlice<UInt8>, at offset: Int) throws(HTTPParseError) -> HTTPRequest.Method {
    if token.elementsEqual("GET".utf8) { return .get }
    if token.elementsEqual("POST".utf8) { return .post }
    guard token.allSatisfy({ ByteClasses.token[Int($0)] != 0 }),
      let method = HTTPRequest.Method(String(decoding: token, as: UTF8.self))
    else { throw HTTPParseError(.badRequestLine, "the method must be a token", at: offset) }
    return method
  }

  private static func minorVersion(_ text: ArraySlice<UInt8>, at offset: Int) throws(HTTPParseError) -> Int {
    if text.elementsEqual("HTTP/1.1".utf8) { return 1 }
    if text.elementsEqual("HTTP/1.0".utf8) { return 0 }
    let bytes = Array(text)
    guard bytes.count == 8, bytes.starts(with: "HTTP/".utf8), ByteClasses.isDigit(bytes[5]),
      bytes[6] == UInt8(ascii: "."), ByteClasses.isDigit(bytes[7])
    else { throw HTTPParseError(.badVersion, "the version must be 'HTTP/1.1'", at: offset) }
    guard bytes[5] == UInt8(ascii: "1") else {
      throw HTTPParseError(.unsupportedVersion, "only HTTP/1.1 and HTTP/1.0 are spoken here", at: offset)
    }
    return 1
  }

  /// The path and query of a target in one of its four forms (RFC 9112 section 3.2).
  private mutating func split(
    _ target: ArraySlice<UInt8>, method: HTTPRequest.Method, at offset: Int
  ) throws(HTTPParseError) -> (path: String, query: String?) {
    var rest = target
    if target.first != UInt8(ascii: "/") {
      if target.elementsEqual("*".utf8), method == .options { return ("*", nil) }
      if method == .connect, Authority.isValid(target, emptyHost: false) {
        return (String(decoding: target, as: UTF8.self), nil)
      }
      rest = try absoluteForm(target, at: offset)
    }
    guard !rest.contains(UInt8(ascii: "#")) else {
      throw HTTPParseError(.badTarget, "the request target must not hold a fragment", at: offset)
    }
    guard let mark = rest.firstIndex(of: UInt8(ascii: "?")) else {
      return (rest.isEmpty ? "/" : String(decoding: rest, as: UTF8.self), nil)
    }
    let path = rest[..<mark]
    return (
      path.isEmpty ? "/" : String(decoding: path, as: UTF8.self), String(decoding: rest[(mark + 1)...], as: UTF8.self)
    )
  }
}

extension RequestHeadParser {
  /// Takes the authority off an absolute-form target and returns the rest.
  private mutating func absoluteForm(
    _ target: ArraySlice<UInt8>, at offset: Int
  ) throws(HTTPParseError) -> ArraySlice<UInt8> {
    // A target of https is none of ours: what came over plain TCP cannot be trusted as if it had been secured
    // (RFC 9110 section 7.4).
    guard String(decoding: target.prefix(7), as: UTF8.self).lowercased() == "http://" else {
      throw HTTPParseError(
        .badTarget, "the request target must be a path that starts with '/', or begin with http://", at: offset)
    }
    let rest = target.dropFirst(7)
    let end = rest.firstIndex { "/?#".utf8.contains($0) } ?? rest.endIndex
    guard Authority.isValid(rest[..<end], emptyHost: false) else {
      throw HTTPParseError(.badTarget, "the request target must name a host with an optional port", at: offset + 7)
    }
    authority = String(decoding: rest[..<end], as: UTF8.self)
    return rest[end...]
  }

  /// Checks what only the whole head can tell: `Host` (RFC 9112 section 3.2) and the body's length (section 6).
  private func finish() throws(HTTPParseError) -> RequestHead {
    guard var head else { throw HTTPParseError(.badRequestLine, "wanted a request line, found none", at: 0) }
    let hosts = head.fields.values(of: "host")
    guard hosts.count == 1 || head.minorVersion == 0 && hosts.isEmpty else {
      throw HTTPParseError(.badHost, "a request must have one Host field, found \(hosts.count)", at: blockStart)
    }
    guard hosts.allSatisfy({ Self.isUsual($0) || Authority.isValid($0.utf8, emptyHost: true) }) else {
      throw HTTPParseError(.badHost, "the Host field must be a host with an optional port", at: blockStart)
    }
    if let authority { head.fields["host"] = authority }
    head.framing = try framing(of: head)
    return head
  }

  /// The `Host` of most requests here, which need not be taken apart each time.
  private static func isUsual(_ host: String) -> Bool { host == "127.0.0.1" || host == "localhost" }

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
