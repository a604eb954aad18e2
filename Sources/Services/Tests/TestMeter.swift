package import Platform
import Store

/// What is counted of tests.
package final class TestMeter: Sendable {
  private let running = Counter()
  private let verdicts = TestResultRecord.Status.allCases.map { (status: $0, count: Counter()) }

  /// Counts a test as running while `body` runs.
  func whileRunning<T>(_ body: () async throws -> T) async rethrows -> T {
    running.add()
    defer { running.add(-1) }
    return try await body()
  }

  func note(_ verdict: TestResultRecord.Status) { verdicts.first { $0.status == verdict }?.count.add() }

  /// The quantities.
  package var metrics: [MetricFamily] {
    [
      MetricFamily("vibegrapher_tests_running", "Tests that run in the sandbox now.", .gauge, Double(running.value)),
      MetricFamily(
        "vibegrapher_tests_total", "Tests that have run, by verdict.", .counter,
        verdicts.map { ([("verdict", $0.status.rawValue)], Double($0.count.value)) }),
    ]
  }
}
