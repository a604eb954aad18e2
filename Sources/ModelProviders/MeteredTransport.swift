import Synchronization

/// Keeps account of calls of models: says before each whether it may be made, and is told of each how it ended.
package protocol CallLedger: Sendable {
  /// Opens a call: its worst case is set aside in every budget that it is held to.
  ///
  /// - Throws: `ModelError` `.budgetExhausted` or `.unpriced` when it may not be made.
  func open(_ call: ModelCall) async throws -> String

  /// Closes the call of that id: what it used takes the place of what was set aside.
  func close(_ id: String, _ end: ModelCallEnd) async

  /// The same, for those who cannot wait.
  func abandon(_ id: String, _ end: ModelCallEnd)
}

/// How a call of a model ended.
package struct ModelCallEnd: Sendable, Hashable {
  /// What is known of its usage.
  package enum Outcome: Sendable, Hashable {
    /// It was answered, and this is what it used.
    case completed
    /// It was answered, but what it used is not known to the end: it counts as its worst case.
    case unreported
    /// It was not answered, or with an error: it counts as what was reported, if anything.
    case failed
  }

  /// What is known.
  package var outcome: Outcome
  /// The tokens as far as they were reported.
  package var usage: TokenUsage?
  /// The model that answered.
  package var model: String?
  /// The status of the answer, if there was one.
  package var status: Int?
  /// From the request to the end of the answer.
  package var latency: Duration

  /// An end.
  package init(
    _ outcome: Outcome, usage: TokenUsage? = nil, model: String? = nil, status: Int? = nil, latency: Duration
  ) {
    self.outcome = outcome
    self.usage = usage
    self.model = model
    self.status = status
    self.latency = latency
  }
}

/// The one way to the providers: every call of a model, of an agent or of a program behind the gateway, is entered into
/// a ledger before it is made and settled when its answer has passed.
package struct MeteredTransport: ModelTransport {
  private let inner: any ModelTransport
  private let ledger: any CallLedger

  /// Keeps account in a ledger of what `inner` carries.
  package init(_ inner: any ModelTransport, ledger: any CallLedger) {
    self.inner = inner
    self.ledger = ledger
  }

  /// Passes a request on when the ledger allows it, and the answer as it comes.
  package func send(_ request: TransportRequest) async throws -> TransportResponse {
    guard let call = await Self.read(request) else { return try await inner.send(request) }
    let id = try await ledger.open(call)
    let began = ContinuousClock.now
    var response: TransportResponse
    do { response = try await inner.send(request) } catch {
      await ledger.close(id, ModelCallEnd(.failed, latency: began.duration(to: .now)))
      throw error
    }
    guard response.status < 400 else {
      await ledger.close(id, ModelCallEnd(.failed, status: response.status, latency: began.duration(to: .now)))
      return response
    }
    let body = MeteredBody(response, id: id, provider: call.provider, began: began, ledger: ledger)
    response.body = { try await body.next() }
    return response
  }

  /// Off the caller's thread, which may serve connections: a body may be long.
  @concurrent private static func read(_ request: TransportRequest) async -> ModelCall? { ModelCall(request) }
}

/// The body of an answer, read on its way; it is settled when it ends, breaks off, or nobody wants the rest.
private final class MeteredBody: Sendable {
  private let body: @Sendable () async throws -> [UInt8]?
  private let id: String
  private let status: Int
  private let began: ContinuousClock.Instant
  private let ledger: any CallLedger
  private let state: Mutex<(reader: UsageReader, isClosed: Bool)>

  init(
    _ response: TransportResponse, id: String, provider: ProviderName, began: ContinuousClock.Instant,
    ledger: any CallLedger
  ) {
    body = response.body
    status = response.status
    self.id = id
    self.began = began
    self.ledger = ledger
    // An answer in a coding cannot be read; it is passed on all the same, and counts as its worst case.
    let contentType = response.field("content-type") ?? ""
    state = Mutex((UsageReader(provider: provider, contentType: contentType), false))
  }

  deinit {
    guard let end = close(isWhole: false) else { return }
    ledger.abandon(id, end)
  }

  func next() async throws -> [UInt8]? {
    do {
      guard let bytes = try await body() else {
        if let end = close(isWhole: true) { await ledger.close(id, end) }
        return nil
      }
      state.withLock { $0.reader.receive(bytes) }
      return bytes
    } catch {
      if let end = close(isWhole: false) { await ledger.close(id, end) }
      throw error
    }
  }

  /// How the call ended; nil when that was said already.
  private func close(isWhole: Bool) -> ModelCallEnd? {
    let report = state.withLock { state -> UsageReader.Report? in
      guard !state.isClosed else { return nil }
      state.isClosed = true
      return state.reader.report(isWhole: isWhole)
    }
    guard let report else { return nil }
    let outcome: ModelCallEnd.Outcome = report.isFinal ? .completed : report.isFailure ? .failed : .unreported
    return ModelCallEnd(
      outcome, usage: report.usage, model: report.model, status: status, latency: began.duration(to: .now))
  }
}
