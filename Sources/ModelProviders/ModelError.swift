/// Why a model gave no answer.
package struct ModelError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What kind of fault it is.
  package enum Code: String, Sendable {
    /// The provider could not be reached, or the connection broke.
    case unreachable
    /// It answered with an error status.
    case refused
    /// It ended its stream before the answer was complete.
    case cutOff
    /// It sent what its wire format does not allow, or without end.
    case malformed
    /// It reported that it failed, or stopped before the end.
    case failed
    /// It did not answer in time.
    case timedOut
    /// It will not answer what it is asked.
    case declined
    /// What it is asked has more tokens than it can read.
    case contextTooLong
    /// There is no key for it.
    case notConfigured
    /// The replay has no cassette for the request.
    case unknownRequest
    /// A budget does not reach for the call.
    case budgetExhausted
    /// The model has no price, so that no budget can be kept.
    case unpriced
  }

  /// The kind.
  package let code: Code
  /// One sentence for a person, without secrets.
  package let message: String
  /// The HTTP status of a refusal.
  package var status: Int?
  /// How long the provider asks to wait.
  package var retryAfter: Duration?
  /// Whether asking again may help.
  package var isRetryable: Bool

  /// An error of that kind.
  package init(_ code: Code, _ message: String, status: Int? = nil, retryAfter: Duration? = nil, isRetryable: Bool) {
    self.code = code
    self.message = message
    self.status = status
    self.retryAfter = retryAfter
    self.isRetryable = isRetryable
  }

  /// The sentence.
  package var description: String { message }
}
