import HTTP
import HTTPTypes
import Logging
import Platform
import WebSocket

/// One client's connection: an actor that lives and dies on one event loop.
///
///     accepted -> waiting for a head -> handling -> answering -> waiting ... -> closed
///                                           \-> WebSocket -> closed
///
/// Pipelined requests are answered in order, and their answers go out together when they fit.
actor HTTPConnection {
  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

  let channel: SocketChannel
  let configuration: ServerConfiguration
  let handler: ServerHandler
  var outbound: [UInt8] = []
  var isDraining = false
  var isStreaming = false
  /// How far the streamed body of the present answer is.
  var bodyProgress = BodyProgress.waiting
  var webSocket: WebSocketConnection?
  var webSocketDecoder: WebSocketDecoder?
  /// The id of the request at hand, or of the one that became a WebSocket.
  var requestID = ""
  /// The client's address.
  lazy var address = channel.peerAddress
  private var decoder: RequestDecoder
  private var expectsContinue = false
  private var isBodyComplete = true
  private var bodyLength = 0
  private var receivedBody = 0
  private var isWaitingForHead = false
  private var servedWithoutWait = 0
  private var pending: Pending?
  /// So many requests are answered before others have their turn.
  private static let turn = 32
  /// Bytes of answers that wait for more before they go out.
  private static let outboundBound = 64 * 1024
  /// Bytes of an unread body that are worth waiting for to keep the connection.
  private static let skippedBody = 256 * 1024
  private var isFirst = true
  private var headDeadline: ContinuousClock.Instant?
  /// Whether a part of the present answer is out, so that no other answer can follow.
  var hasAnswerBegun = false

  /// A request whose answer is not out yet.
  struct Pending {
    let request: Request
    /// Its answer, when only that its bytes go out has to be waited for.
    let response: Response?
    let begin: Begin?
  }

  /// Where a request begins; known only for an observer.
  struct Begin {
    /// When it was there as a whole, by the monotonic clock.
    let nanoseconds: Int
    /// How many bytes were handed over before its answer.
    let bytes: Int
  }

  /// A streamed body's life.
  enum BodyProgress { case waiting, begun, ended }

  init(
    _ descriptor: consuming OwnedDescriptor, loop: EventLoop, configuration: ServerConfiguration, handler: ServerHandler
  ) {
    self.loop = loop
    self.configuration = configuration
    self.handler = handler
    channel = SocketChannel(descriptor, loop: loop)
    decoder = RequestDecoder(limits: configuration.limits)
  }

  /// Serves the connection until it ends, and closes it; or until it becomes a WebSocket, which `run(_:)` serves.
  ///
  /// In a task of its own: a task keeps the room of its deepest call, and most of a WebSocket's life is waiting.
  func run() async -> WebSocketUpgrade? {
    let upgrade = await serveRequests()
    if upgrade == nil { channel.close() }
    return upgrade
  }

  private func serveRequests() async -> WebSocketUpgrade? {
    do {
      try channel.open()
      return try await serve()
    } catch is HTTPParseError where hasAnswerBegun {
      // The rest of a request that was answered already: its client gets that answer, and no other.
      try? await linger()
    } catch let error as HTTPParseError {
      await refuse(Problem(error.status, code: "malformed_request", "\(error.message) (byte \(error.offset))"))
    } catch ConnectionError.timedOut where !hasAnswerBegun && (!decoder.isIdle || !channel.inbound.isEmpty) {
      await refuse(Problem(.requestTimeout, code: "request_timeout", "the request did not arrive in time"))
    } catch {
      trace(error)
    }
    return nil
  }

  func trace(_ error: any Error) { handler.logger.trace("connection ended", metadata: ["reason": "\(error)"]) }

  /// Asks the connection to end after the request at hand; on its loop.
  func drain() async {
    isDraining = true
    if isWaitingForHead, decoder.isIdle, channel.inbound.isEmpty { channel.shutDown(.stopping) }
    if isStreaming { channel.wakeReader() }
    await webSocket?.close(.goingAway, reason: "the server is stopping")
  }

  /// Ends the connection at once.
  func abort() { channel.shutDown(.stopping) }

  /// Serves one request after the other.
  private func serve() async throws -> WebSocketUpgrade? {
    while true {
      if try serveImmediately() {
        guard try await awaitHead() else { return nil }
        continue
      }
      if let next = pending {
        pending = nil
        switch try await answer(next) {
        case .keepAlive: servedWithoutWait += 1
        case .upgrade(let upgrade): return upgrade
        case .close:
          try await linger()
          return nil
        }
      }
      if outbound.count >= Self.outboundBound, try !flushNow() { try await flush() }
      // A client that pipelines without end must not keep the loop from the others.
      if servedWithoutWait >= Self.turn {
        servedWithoutWait = 0
        await loop.yield()
      }
    }
  }

  /// Answers the requests that are there, as far as nothing has to be waited for: true when all of them are answered,
  /// false when one is pending, or others are to have their turn first.
  private func serveImmediately() throws -> Bool {
    while pending == nil, servedWithoutWait < Self.turn, outbound.count < Self.outboundBound {
      guard let head = try takeHead() else { return true }
      var request = makeRequest(head)
      requestID = request.id
      let begin = handler.observer == nil ? nil : Begin(nanoseconds: MonotonicClock.nanoseconds, bytes: handedOver)
      let response = handler.respondImmediately(to: &request, loop: loop.number)
      guard let response, response.body.isAtHand, isBodyComplete, head.isKeepAlive, !isDraining else {
        pending = Pending(request: request, response: response, begin: begin)
        return false
      }
      append(response, isKeepAlive: true, isHead: head.method == .head, minorVersion: head.minorVersion)
      observe(request, response, since: begin)
      servedWithoutWait += 1
      if channel.inbound.isEmpty { return true }
    }
    return false
  }

  /// Answers a request that has to be waited for.
  private func answer(_ next: Pending) async throws -> Continuation {
    let head = next.request.head
    let response =
      if let response = next.response { response } else {
        try await handler.respond(to: next.request, loop: loop.number)
      }
    let isKeepAlive = head.isKeepAlive && !isDraining && leavesShortBody()
    let continuation: Continuation
    do { continuation = try await send(response, to: head, isKeepAlive: isKeepAlive) } catch {
      observe(next.request, response, since: next.begin)
      throw error
    }
    observe(next.request, response, since: next.begin)
    guard continuation.isKeepAlive else { return continuation }
    if !isBodyComplete, try await !skipBody() { return .close }
    hasAnswerBegun = false
    return .keepAlive
  }

  /// The next request head that is there as a whole, or nil.
  private func takeHead() throws -> RequestHead? {
    while let event = try decoder.next(&channel.inbound) {
      guard case .head(let head) = event else { continue }
      expectsContinue = head.expectsContinue
      isFirst = false
      headDeadline = nil
      isBodyComplete = head.framing == .none
      receivedBody = 0
      bodyLength = if case .length(let count) = head.framing { count } else { 0 }
      return head
    }
    return nil
  }

  /// Answers what has come while the task waits for a head; see `ReadAttendant`.
  private func serveArrived() -> Duration? {
    do {
      if try serveImmediately(), try flushNow(), decoder.isIdle {
        servedWithoutWait = 0
        return configuration.idleTimeout
      }
    } catch {
      // The task meets it again: neither a malformed request nor a broken connection is ever well again.
    }
    isWaitingForHead = false
    return nil
  }

  /// Waits for bytes of the next head, once all answers are out; false when the client is done.
  private func awaitHead() async throws -> Bool {
    if try !flushNow() { try await flush() }
    if isDraining, decoder.isIdle { return false }
    isWaitingForHead = true
    servedWithoutWait = 0
    defer { isWaitingForHead = false }
    do {
      if try await channel.fill(timeout: headWait(), attendant: self) { return true }
    } catch ConnectionError.timedOut where decoder.isIdle {
      return false
    }
    guard decoder.isIdle else { throw ConnectionError.endOfInput }
    return false
  }

  /// Gives up what only requests need; for a connection that has become a WebSocket.
  func forgetRequests() { decoder = RequestDecoder(limits: configuration.limits) }

  private func makeRequest(_ head: RequestHead) -> Request {
    Request(
      head: head, body: RequestBody(head.framing, of: self), id: handler.requestID(for: head), address: address)
  }

  /// How long the next bytes of a head may take: a first request, and one that has begun, have a deadline as a whole.
  private func headWait() -> Duration {
    guard isFirst || !decoder.isIdle else { return configuration.idleTimeout }
    let deadline = headDeadline ?? ContinuousClock.now.advanced(by: configuration.headTimeout)
    headDeadline = deadline
    return max(.zero, ContinuousClock.now.duration(to: deadline))
  }

  /// The next bytes of the body that is being received, or nil at its end.
  func nextBodyBytes() async throws -> [UInt8]? {
    guard !isBodyComplete else { return nil }
    if expectsContinue {
      expectsContinue = false
      ResponseEncoder.continue(into: &outbound)
      try await flush()
    }
    while true {
      switch try decoder.next(&channel.inbound) {
      case .body(let bytes)?:
        receivedBody += bytes.count
        return bytes
      case .end?:
        isBodyComplete = true
        return nil
      case .head?, nil: break
      }
      // Answers to earlier pipelined requests must not wait for a body that may be slow.
      try await flush()
      guard try await channel.fill(timeout: configuration.bodyTimeout) else {
        throw ConnectionError.endOfInput
      }
    }
  }

  /// Whether a handler that has answered left nothing of the body, or a rest that is short enough to wait for as far as
  /// is known; otherwise the connection must close behind the answer, and the answer say so.
  func leavesShortBody() -> Bool {
    isBodyComplete || !expectsContinue && max(bodyLength, receivedBody) <= Self.skippedBody
  }

  /// Skips what the handler left of a body; false when chunks go on and on, and the connection should close instead.
  private func skipBody() async throws -> Bool {
    guard !isBodyComplete else { return true }
    // The answer is out: nothing more can be said about this request.
    hasAnswerBegun = true
    while receivedBody <= Self.skippedBody { if try await nextBodyBytes() == nil { return true } }
    return false
  }
}

extension HTTPConnection: ReadAttendant {
  nonisolated func attend() -> Duration? { loop.run(on: self) { $0.serveArrived() } }
}
