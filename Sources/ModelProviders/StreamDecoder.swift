import JSON

/// Follows the stream of one answer in a provider's wire format: events in, what the model does out.
///
/// Pure, and made anew for each attempt. Whatever is cut off a stream, the answer is whole or there is none.
package protocol StreamDecoder: Sendable {
  /// Takes one event; kinds that are not known are passed over, as the providers' own clients do.
  ///
  /// - Throws: `ModelError` when the model failed or the event is not what the wire format allows.
  mutating func receive(_ event: ServerSentEvent) throws(ModelError) -> [ModelEvent]

  /// The answer, once the stream has ended.
  ///
  /// - Throws: `ModelError.cutOff` when the end came before the answer was complete, others when the model stopped for a
  ///   reason that makes its answer none.
  func answer(latency: Duration) throws(ModelError) -> ModelResponse
}

extension StreamDecoder {
  /// The JSON of an event.
  static func value(of event: ServerSentEvent) throws(ModelError) -> JSONValue {
    do { return try JSONParser.parse(event.data) } catch {
      throw ModelError(.malformed, "the model's stream holds broken JSON: \(error)", isRetryable: true)
    }
  }

  /// The stream has ended too early.
  static var cutOff: ModelError {
    ModelError(.cutOff, "the model's stream ended before the answer was complete", isRetryable: true)
  }

  /// The stream is not what the wire format allows.
  static func malformed(_ what: String) -> ModelError {
    ModelError(.malformed, "the model's \(what)", isRetryable: true)
  }

  /// The model stopped in the middle of its answer.
  static func stopped(_ reason: String, isRetryable: Bool = false) -> ModelError {
    ModelError(.failed, "the model stopped before the end of its answer: \(reason)", isRetryable: isRetryable)
  }
}
