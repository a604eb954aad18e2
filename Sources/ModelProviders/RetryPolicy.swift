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
  /// From the first sending to the end of the last answer, pauses included.
  package var deadline: Duration = .seconds(600)

  /// A policy with the default pauses.
  package init(attempts: Int = 3) { self.attempts = attempts }

  /// Runs `attempt` until it succeeds, fails for good, has been tried often enough, or the deadline comes.
  func run(
    onEvent: @escaping @Sendable (ModelEvent) async throws -> Void,
    _ attempt: @escaping @Sendable () async throws -> ModelResponse
  ) async throws -> ModelResponse {
    try await withThrowingTaskGroup(of: ModelResponse.self) { group in
      group.addTask { try await repeated(onEvent, attempt) }
      group.addTask {
        try await Task.sleep(for: deadline)
        throw ModelError(
          .timedOut,
          "the model gave no whole answer within \(deadline / .seconds(1)) s, and is not waited for any more",
          isRetryable: false)
      }
      defer { group.cancelAll() }
      guard let response = try await group.next() else { throw CancellationError() }
      return response
    }
  }

  private func repeated(
    _ onEvent: @Sendable (ModelEvent) async throws -> Void, _ attempt: @Sendable () async throws -> ModelResponse
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

  /// The pause after so many tries.
  func delay(after tried: Int, _ error: ModelError) -> Duration {
    if let asked = error.retryAfter, asked <= longestDelay { return asked }
    let delay = firstDelay * (1 << min(tried - 1, 16))
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
