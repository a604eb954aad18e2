import HTTP
import HTTPTypes
import JSON
import Logging
import Platform

extension HTTPConnection {
  /// What becomes of a connection behind an answer.
  enum Continuation {
    case keepAlive
    case close
    case upgrade(WebSocketUpgrade)

    init(isKeepAlive: Bool) { self = isKeepAlive ? .keepAlive : .close }

    var isKeepAlive: Bool { if case .keepAlive = self { true } else { false } }
  }

  /// How many bytes were handed to the system or wait for it.
  var handedOver: Int { channel.sentBytes + outbound.count }

  /// Tells the server's observer of an answer; without one there is no `begin`.
  func observe(_ request: Request, _ response: Response, since begin: Begin?) {
    guard let begin else { return }
    handler.observer?(
      Exchange(
        head: request.head, id: request.id, address: address, status: response.status.code,
        bytes: handedOver - begin.bytes, duration: .nanoseconds(MonotonicClock.nanoseconds - begin.nanoseconds)))
  }

  /// Sends an answer, or keeps it with those that go out together when its body is at hand.
  func send(_ response: Response, to head: RequestHead, isKeepAlive: Bool) async throws -> Continuation {
    switch response.body {
    case .empty, .bytes:
      append(response, isKeepAlive: isKeepAlive, isHead: head.method == .head, minorVersion: head.minorVersion)
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

  /// Sends a file behind the head, without its bytes coming through here.
  private func send(_ file: FileBody, in response: Response, to head: RequestHead, isKeepAlive: Bool) async throws {
    appendHead(
      of: response, length: file.range.count, isKeepAlive: isKeepAlive, minorVersion: head.minorVersion)
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
    let length = status >= 200 && status != 204 && status != 304 ? body.count : nil
    appendHead(of: response, length: length, isKeepAlive: isKeepAlive, minorVersion: minorVersion)
    if !isHead { outbound.append(contentsOf: body) }
  }

  /// Writes the head of an answer with what the connection says of itself; without the length of a body that is
  /// streamed, or that cannot be there.
  private func appendHead(of response: Response, length: Int?, isKeepAlive: Bool, minorVersion: Int) {
    Self.encodeHead(
      of: response, length: length, isKeepAlive: isKeepAlive, minorVersion: minorVersion, requestID: requestID,
      date: loop.httpDate, into: &outbound)
  }

  private static func encodeHead(
    of response: Response, length: Int?, isKeepAlive: Bool, minorVersion: Int, requestID: String, date: [UInt8],
    into bytes: inout [UInt8]
  ) {
    let status = response.status.code
    ResponseEncoder.head(status: response.status, fields: response.fields, into: &bytes)
    // What a provider answered through the gateway keeps the provider's id.
    if response.fields["x-request-id"] == nil { ResponseEncoder.field("x-request-id", requestID, into: &bytes) }
    if let length { ResponseEncoder.contentLength(length, into: &bytes) }
    if length == nil, minorVersion == 1, case .stream = response.body {
      ResponseEncoder.field("transfer-encoding", "chunked", into: &bytes)
    }
    bytes.append("date: ")
    bytes.append(contentsOf: date)
    bytes.append("\r\nserver: vibegrapher\r\n")
    if status != 101, !isKeepAlive {
      ResponseEncoder.field("connection", "close", into: &bytes)
    } else if status != 101, minorVersion == 0 {
      ResponseEncoder.field("connection", "keep-alive", into: &bytes)
    }
    ResponseEncoder.endHead(into: &bytes)
  }

  /// Runs a streamed answer: chunked for HTTP/1.1, until the connection closes for HTTP/1.0.
  private func stream(
    _ response: Response, _ body: @escaping @Sendable (ResponseWriter) async throws -> Void,
    to head: RequestHead, isKeepAlive: Bool
  ) async throws -> Bool {
    let isChunked = head.minorVersion == 1
    let isKeepAlive = isKeepAlive && isChunked
    appendHead(of: response, length: nil, isKeepAlive: isKeepAlive, minorVersion: head.minorVersion)
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
    handler.meter?.streams.add()
    defer {
      isStreaming = false
      handler.meter?.streams.add(-1)
    }
    bodyProgress = .waiting
    let id = requestID
    try await withThrowingTaskGroup(of: Bool.self) { group in
      group.addTask { [self] in
        try await RequestContext.$id.withValue(id) { try await self.write(body, isChunked: isChunked) }
        return true
      }
      group.addTask { [self] in
        try await self.watchBehindBody()
        return false
      }
      // Also when the body fails: the watcher would wait for the client, and the client for the end.
      defer {
        group.cancelAll()
        channel.wakeReader()
      }
      let isFinished = try await group.next() ?? false
      guard isFinished || bodyProgress == .ended else { throw ConnectionError.endOfInput }
    }
  }

  private func write(
    _ body: @Sendable (ResponseWriter) async throws -> Void, isChunked: Bool
  ) async throws {
    bodyProgress = .begun
    try await body(ResponseWriter(connection: self, isChunked: isChunked))
    bodyProgress = .ended
  }

  /// Watches once the body has begun: a client that closes its side behind the request still gets what is at hand.
  private func watchBehindBody() async throws {
    while bodyProgress == .waiting, !Task.isCancelled { await loop.yield() }
    try await watchForEnd(orStop: true)
  }

  /// Runs some work before an answer, and cancels it when the client goes away; a stop of the server lets it go on.
  func whileOpen<T: Sendable>(_ work: @escaping @Sendable () async throws -> T) async throws -> T {
    guard !isDraining else { return try await work() }
    return try await withThrowingTaskGroup(of: T?.self) { group in
      group.addTask { try await work() }
      group.addTask { [self] in
        try await self.watchForEnd(orStop: false)
        return nil
      }
      defer {
        group.cancelAll()
        channel.wakeReader()
      }
      guard let result = try await group.next() ?? nil else { throw ConnectionError.endOfInput }
      return result
    }
  }

  /// Returns when the client closes, and throws when the server stops, if that is wanted too.
  ///
  /// What the client sends meanwhile waits its turn, up to a bound.
  private func watchForEnd(orStop: Bool) async throws {
    var isOver: Bool { Task.isCancelled || orStop && isDraining }
    while !isOver, channel.inbound.count < 64 * 1024 {
      do {
        guard try await channel.fill(timeout: nil, isInterrupted: { isOver }) else { return }
      } catch ConnectionError.interrupted {
        continue
      }
    }
    if !Task.isCancelled { throw orStop && isDraining ? ConnectionError.stopping : ConnectionError.endOfInput }
  }

  /// Writes a part of a streamed body and waits until the client has room for it.
  func write(_ data: [UInt8], isChunked: Bool) async throws {
    if isChunked { ResponseEncoder.chunk(data, into: &outbound) } else { outbound.append(contentsOf: data) }
    if try !flushNow() { try await flush() }
  }

  /// Writes what waits to be written as far as the system takes it at once; whether that was all.
  func flushNow() throws -> Bool {
    guard !outbound.isEmpty else { return true }
    let count = try channel.writeNow(outbound)
    guard count == outbound.count else {
      outbound.removeFirst(count)
      return false
    }
    outbound.removeAll(keepingCapacity: outbound.capacity <= 64 * 1024)
    return true
  }

  func flush() async throws {
    guard try !flushNow() else { return }
    let bytes = outbound
    outbound = []
    try await channel.write(bytes, timeout: configuration.writeTimeout)
  }

  /// Answers what cannot be served and closes.
  func refuse(_ problem: Problem) async {
    requestID = UUIDv7.make()
    do {
      var response = problem.response(instance: "", requestID: requestID)
      handler.decorate(&response, for: nil, id: requestID)
      append(response, isKeepAlive: false)
      try await linger()
    } catch {
      handler.logger.trace("could not refuse a request", metadata: ["reason": "\(error)"])
    }
  }

  /// Closes so that the client still gets the answer: half-close, then read on for a while (RFC 9112 section 9.6).
  func linger() async throws {
    try await flush()
    try await channel.linger()
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
