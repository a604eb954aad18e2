import JSON
import Platform

/// What the providers have in common: a request as JSON, an answer as a stream of events, tried again as the policy
/// says, bounded, and with errors that do not repeat the key.
struct StreamingClient: Sendable {
  /// The address, to which paths are added.
  private let baseURL: String
  let key: Secret
  private let transport: any ModelTransport
  private let retry: RetryPolicy

  /// Bytes of one response's stream; a model that goes on for ever is stopped there.
  private static let responseLimit = 16 << 20
  /// Bytes of an error answer that are looked at.
  private static let refusalLimit = 16 * 1024

  init(baseURL: String, key: Secret, transport: any ModelTransport, retry: RetryPolicy) {
    self.baseURL = baseURL.hasSuffix("/") ? String(baseURL.dropLast()) : baseURL
    self.key = key
    self.transport = transport
    self.retry = retry
  }

  /// Posts a body and follows the stream of the answer with a decoder.
  func post(
    _ path: String, fields: [(name: String, value: String)] = [], authorization: (name: String, value: Secret),
    body: JSONValue, decoder: any StreamDecoder, onEvent: @escaping @Sendable (ModelEvent) async throws -> Void
  ) async throws -> ModelResponse {
    let request = TransportRequest(
      url: baseURL + path, fields: [("accept", "text/event-stream")] + fields, authorization: authorization,
      body: body.encodedBytes)
    return try await retry.run(onEvent: onEvent) {
      do { return try await attempt(request, decoder, onEvent) } catch let error as ModelError { throw redacted(error) }
    }
  }

  private func attempt(
    _ request: TransportRequest, _ decoder: any StreamDecoder, _ onEvent: @Sendable (ModelEvent) async throws -> Void
  ) async throws -> ModelResponse {
    let began = ContinuousClock.now
    let response = try await transport.send(request)
    guard response.status == 200 else { throw try await Self.refusal(response) }
    var events = SSEDecoder()
    var decoder = decoder
    var received = 0
    while let chunk = try await response.body() {
      received += chunk.count
      guard received <= Self.responseLimit else {
        throw ModelError(.malformed, "the model's answer has more than \(Self.responseLimit) bytes", isRetryable: false)
      }
      for event in events.receive(chunk) {
        for event in try decoder.receive(event) { try await onEvent(event) }
      }
    }
    try Task.checkCancellation()
    return try decoder.answer(latency: began.duration(to: .now))
  }

  /// An error without the key, which some providers repeat in theirs.
  private func redacted(_ error: ModelError) -> ModelError {
    guard !key.revealed.isEmpty, error.message.contains(key.revealed) else { return error }
    return ModelError(
      error.code, error.message.replacing(key.revealed, with: key.description), status: error.status,
      retryAfter: error.retryAfter, isRetryable: error.isRetryable)
  }

  /// The error of an answer that is no stream; the body's first bytes tell why.
  private static func refusal(_ response: TransportResponse) async throws -> ModelError {
    var body: [UInt8] = []
    while body.count < refusalLimit, let chunk = try await response.body() { body.append(contentsOf: chunk) }
    let value = try? JSONParser.parse(body)
    // Gemini puts its error into an array when it was to stream.
    let fault = (value?.array?.first ?? value)?["error"]
    let reason = fault?["message"]?.string ?? String(decoding: body.prefix(200), as: UTF8.self)
    if let error = contextTooLong(reason, code: fault?["code"]?.string, status: response.status) { return error }
    return ModelError(
      .refused, "the model provider answered \(response.status): \(reason.prefix(500))", status: response.status,
      retryAfter: RetryPolicy.retryAfter(of: response), isRetryable: RetryPolicy.isRetryable(response))
  }

  /// The error of a request that is too long for the model, or nil for another reason.
  ///
  /// Only OpenAI has a code for it; the others have to be read.
  static func contextTooLong(_ reason: String, code: String?, status: Int? = nil) -> ModelError? {
    let signs = [
      "maximum context length", "context window", "prompt is too long", "exceeds the maximum number of tokens",
      "exceed context limit",
    ]
    guard status == nil || status == 400 || status == 413 else { return nil }
    guard code == "context_length_exceeded" || status == 413 || signs.contains(where: reason.lowercased().contains)
    else { return nil }
    return ModelError(
      .contextTooLong,
      "the conversation and the files are too long for the model: begin a new session, or ask about less "
        + "(\(reason.prefix(300)))", status: status, isRetryable: false)
  }
}
