package import Platform
import Synchronization

/// A provider of models whose calls are counted, whatever it is behind.
package struct MeteredProvider: ModelProvider {
  private let provider: any ModelProvider
  private let meter: ProviderMeter

  /// Counts the calls of a provider.
  package init(_ provider: any ModelProvider, meter: ProviderMeter) {
    self.provider = provider
    self.meter = meter
  }

  /// Asks the provider.
  package func respond(
    to request: ModelRequest, onEvent: @escaping @Sendable (ModelEvent) async throws -> Void
  ) async throws -> ModelResponse {
    let begun = MonotonicClock.nanoseconds
    defer { meter.times.observe(nanoseconds: MonotonicClock.nanoseconds - begun) }
    do {
      let response = try await provider.respond(to: request) { event in
        if case .retrying = event { meter.retries.add() }
        try await onEvent(event)
      }
      meter.took(response.usage)
      return response
    } catch {
      meter.failed(error)
      throw error
    }
  }
}

/// What is counted of the calls of models.
package final class ProviderMeter: Sendable {
  let times = Histogram()
  let retries = Counter()
  private let answered = Counter()
  private let failures = Counter()
  private let cancelled = Counter()
  private let tokens = (input: Counter(), cached: Counter(), output: Counter(), reasoning: Counter())
  private let lastFailed = Atomic(false)

  /// Nothing was asked yet.
  package init() {}

  /// Whether the last call that ended by itself did not fail.
  package var isWell: Bool { !lastFailed.load(ordering: .relaxed) }

  func took(_ usage: TokenUsage) {
    answered.add()
    tokens.input.add(usage.input)
    tokens.cached.add(usage.cached)
    tokens.output.add(usage.output)
    tokens.reasoning.add(usage.reasoning)
    lastFailed.store(false, ordering: .relaxed)
  }

  func failed(_ error: any Error) {
    guard error is ModelError else { return cancelled.add() }
    failures.add()
    lastFailed.store(true, ordering: .relaxed)
  }

  /// The quantities.
  package var metrics: [MetricFamily] {
    let calls = [("answered", answered), ("failed", failures), ("cancelled", cancelled)]
    let kinds = [
      ("input", tokens.input), ("cached", tokens.cached), ("output", tokens.output), ("reasoning", tokens.reasoning),
    ]
    return [
      MetricFamily(
        "vibegrapher_provider_calls_total", "Requests to models by what came of them, retries not counted.", .counter,
        calls.map { ([("outcome", $0.0)], Double($0.1.value)) }),
      MetricFamily(
        "vibegrapher_provider_retries_total", "Requests to models that were sent again.", .counter,
        Double(retries.value)),
      MetricFamily(
        "vibegrapher_provider_tokens_total",
        "Tokens: cached ones are input too, and those of reasoning output too.", .counter,
        kinds.map { ([("kind", $0.0)], Double($0.1.value)) }),
      MetricFamily(
        seconds: "vibegrapher_provider_duration_seconds", "From a request to the end of its answer, retries included.",
        [([], times.snapshot)]),
    ]
  }
}
