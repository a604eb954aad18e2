import HTTP
import HTTPTypes
import JSON
import Platform

extension HTTPConnection {
  /// What becomes of a connection behind an answer.
  enum Continuation {
    case keepAlive
    case close
    case upgrade(WebSocketUpgrade)

    init(isKeepAlive: Bool) { self = isKeepAlive ? .keepAlive : .close }
  }

  /// Handles one request and writes its answer.
  func respond(to head: RequestHead) async throws -> Continuation {
    let declaredLength: Int? = if case .length(let count) = head.framing { count } else { nil }
    let body = RequestBody(connection: head.framing == .none ? nil : self, declaredLength: declaredLength)
    let request = Request(head: head, body: body, id: handler.requestID(for: head), address: address)
    let begun: ContinuousClock.Instant? = handler.observer == nil ? nil : .now
    let sentBefore = channel.sentBytes + outbound.count
    let response = try await handler.respond(to: request)
    defer { if let begun { observe(request, response, since: begun, sentBefore: sentBefore) } }
    let isKeepAlive = head.isKeepAlive && !isDraining && leavesShortBody()
    switch response.body {
    case .empty, .bytes:
      append(response, isKeepAlive: isKeepAlive, isHead: head.method == .head, minorVersion: head.minorVersion)
      if outbound.count >= 64 * 1024 { try await flush() }
      return Continuation(isKeepAlive: isKeepAlive)
    case .file(let file):
      try await send(file, in: response, to: head, isKeepAlive: isKeepAlive)
      return Continuation(isKeepAlive: isKeepAlive)
    case .stream(let body):
      return Continuation(isKeepAlive: try await stream(response, body, to: head, isKeepAlive: isKeepAlive))
    case .webSocket(let upgrade):
      hasAnswerBegun = true
      append(response, isKeepAlive: true)
      try await flush()
      return .upgrade(upgrade)
    }
  }

  private func observe(
    _ request: Request, _ response: Response, since begun: ContinuousClock.Instant, sentBefore: Int
  ) {
    handler.observer?(
      Exchange(
        head: request.head, id: request.id, address: address, status: response.status.code,
        bytes: channel.sentBytes + outbound.count - sentBefore, duration: ContinuousClock.now - begun))
  }

  /// Sends a file behind the head, without its bytes coming through here.
  private func send(_ file: FileBody, in response: Response, to head: RequestHead, isKeepAlive: Bool) async throws {
    ResponseEncoder.head(status: response.status, fields: response.fields, into: &outbound)
    ResponseEncoder.field("content-length", "\(file.range.count)", into: &outbound)
    appendConnectionFields(isKeepAlive: isKeepAlive, minorVersion: head.minorVersion, status: response.status.code)
    try await flush()
    guard head.method == .get else { return }
    hasAnswerBegun = true
    try await channel.sendFile(file.descriptor, file.range, timeout: configuration.writeTimeout)
  }

  /// Writes an answer whose body is at hand.
  func append(_ response: Response, isKeepAlive: Bool, isHead: Bool = false, minorVersion: Int = 1) {
    let body: [UInt8]
    if case .bytes(let bytes) = response.body { body = bytes } else { body = [] }
    let status = response.status.code
    ResponseEncoder.head(status: response.status, fields: response.fields, into: &outbound)
    if status >= 200, status != 204, status != 304 {
      ResponseEncoder.field("content-length", "\(body.count)", into: &outbound)
    }
    appendConnectionFields(isKeepAlive: isKeepAlive, minorVersion: minorVersion, status: status)
    if !isHead { outbound.append(contentsOf: body) }
  }

  private func appendConnectionFields(isKeepAlive: Bool, minorVersion: Int, status: Int) {
    outbound.append(contentsOf: "date: ".utf8)
    outbound.append(contentsOf: loop.httpDate)
    outbound.append(contentsOf: "\r\nserver: vibegrapher\r\n".utf8)
    if status != 101, !isKeepAlive {
      ResponseEncoder.field("connection", "close", into: &outbound)
    } else if status != 101, minorVersion == 0 {
      ResponseEncoder.field("connection", "keep-alive", into: &outbound)
    }
    ResponseEncoder.endHead(into: &outbound)
  }

  /// Runs a streamed answer: chunked for HTTP/1.1, until the connection closes for HTTP/1.0.
  private func stream(
    _ response: Response, _ body: @escaping @Sendable (ResponseWriter) async throws -> Void,
    to head: RequestHead, isKeepAlive: Bool
  ) async throws -> Bool {
    let isChunked = head.minorVersion == 1
    let isKeepAlive = isKeepAlive && isChunked
    ResponseEncoder.head(status: response.status, fields: response.fields, into: &outbound)
    if isChunked { ResponseEncoder.field("transfer-encoding", "chunked", into: &outbound) }
    appendConnectionFields(isKeepAlive: isKeepAlive, minorVersion: head.minorVersion, status: response.status.code)
    guard head.method != .head else { return isKeepAlive }
    // The head goes out with the first bytes of the body: what the body begins with, such as a subscription, has
    // begun when the client sees the answer.
    do { try await runStream(body, isChunked: isChunked) } catch ConnectionError.stopping {
      // The server stops: what was streamed so far ends as a whole message, and its reader comes back for the rest.
    }
    if isChunked { ResponseEncoder.lastChunk(into: &outbound) }
    try await flush()
    return isKeepAlive && !isDraining
  }

  /// Runs the body's closure while watching for the client going away, which cancels it.
  private func runStream(
    _ body: @escaping @Sendable (ResponseWriter) async throws -> Void, isChunked: Bool
  ) async throws {
    hasAnswerBegun = true
    isStreaming = true
    defer { isStreaming = false }
    try await withThrowingTaskGroup(of: Bool.self) { group in
      group.addTask { [self] in
        try await self.write(body, isChunked: isChunked)
        return true
      }
      group.addTask { [self] in
        try await self.watchForEnd()
        return false
      }
      let isFinished = try await group.next() ?? false
      group.cancelAll()
      channel.interruptRead()
      guard isFinished else { throw ConnectionError.endOfInput }
    }
  }

  private func write(
    _ body: @Sendable (ResponseWriter) async throws -> Void, isChunked: Bool
  ) async throws {
    try await body(ResponseWriter(connection: self, isChunked: isChunked))
  }

  /// Returns when the client closes; what it sends meanwhile waits its turn, up to a bound.
  private func watchForEnd() async throws {
    while !Task.isCancelled, !isDraining, channel.inbound.count < 64 * 1024 {
      do {
        guard try await channel.fill(timeout: nil) else { return }
      } catch ConnectionError.interrupted {
        continue
      }
    }
    if !Task.isCancelled { throw isDraining ? ConnectionError.stopping : ConnectionError.endOfInput }
  }

  /// Writes a part of a streamed body and waits until the client has room for it.
  func write(_ data: [UInt8], isChunked: Bool) async throws {
    if isChunked { ResponseEncoder.chunk(data, into: &outbound) } else { outbound.append(contentsOf: data) }
    try await flush()
  }
}

/// Writes the body of a streamed answer.
package struct ResponseWriter: Sendable {
  let connection: HTTPConnection
  let isChunked: Bool

  /// Writes bytes and returns when the system has taken them, so that a slow client holds the writer back.
  ///
  /// - Throws: `ConnectionError` when the client is gone, takes nothing for too long, or the server stops.
  package func write(_ bytes: [UInt8]) async throws { try await connection.write(bytes, isChunked: isChunked) }

  /// Gives other connections of this loop a turn, for a body that is made with much work.
  package func letOthersGo() async { await connection.loop.yield() }
}
