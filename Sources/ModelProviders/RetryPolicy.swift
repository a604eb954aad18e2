import Foundation

/// When and how often a request to a provider is sent again, as the official clients do it: 408, 409, 429, 500 and
/// above, and connections that break; twice as long a pause each time, with jitter, or what the provider asks for.
package struct RetryPolicy: Sendable {
  /// How often a request is sent at the most.
  package var attempts: Int
  /// The first pause.
  package var firstDelay: Duration = .milliseconds(500)
  /// The longest pause, also when the provider asks for more.
  package var longestDelay: Duration = .seconds(60)
  /// From the first sending to the end of the last answer.
  package var deadline: Duration = .seconds(600)

  /// A policy with the default pauses.
  package init(attempts: Int = 3) { self.attempts = attempts }

  /// Runs `attempt` until it succeeds, fails for good, or has been tried often enough.
  func run(
    onEvent: @Sendable (ModelEvent) async throws -> Void, _ attempt: @Sendable () async throws -> ModelResponse
  ) async throws -> ModelResponse {
    let end = ContinuousClock.now.advanced(by: deadline)
    var tried = 0
    while true {
      tried += 1
      do {
        return try await attempt()
      } catch let error as ModelError where error.isRetryable && tried < attempts {
        let delay = delay(after: tried, error)
        guard ContinuousClock.now.advanced(by: delay) < end else { throw error }
        try await onEvent(.retrying(reason: error.message, delay: delay))
        try await Task.sleep(for: delay)
      }
    }
  }

  private func delay(after tried: Int, _ error: ModelError) -> Duration {
    if let asked = error.retryAfter, asked <= longestDelay { return asked }
    let delay = firstDelay * (1 << (tried - 1))
    return min(delay, longestDelay) * Double.random(in: 0.75...1)
  }

  /// Whether an error answer may be tried again; the provider's `x-should-retry` rules over its status.
  static func isRetryable(_ response: TransportResponse) -> Bool {
    switch response.field("x-should-retry") {
    case "true": true
    case "false": false
    default: [408, 409, 429].contains(response.status) || response.status >= 500
    }
  }

  /// The pause that an answer asks for: `retry-after-ms`, else `retry-after` in seconds or as a date.
  static func retryAfter(of response: TransportResponse) -> Duration? {
    if let text = response.field("retry-after-ms"), let value = Double(text), value >= 0, value < 1e9 {
      return .milliseconds(value)
    }
    guard let text = response.field("retry-after") else { return nil }
    if let value = Double(text) { return value >= 0 && value < 1e6 ? .seconds(value) : nil }
    let format = DateFormatter()
    format.locale = Locale(identifier: "en_US_POSIX")
    format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss zzz"
    return format.date(from: text).map { .seconds(max(0, $0.timeIntervalSinceNow)) }
  }
}
