import EventLog
import Git
import ModelProviders
import Platform
import Server
import Services

extension Subsystems {
  /// Collects what the parts count.
  ///
  /// What a part has to say later it adds to `metrics` itself.
  func addMetrics(of server: HTTPServer) {
    let (journal, tests, provider, disk) = (journal, testRunner.meter, providerMeter, projects.disk)
    let terminals = terminals
    metrics.add { journal.metrics }
    metrics.add { tests.metrics }
    metrics.add { provider.metrics }
    metrics.add { terminals.metrics }
    metrics.add {
      [
        MetricFamily(
          seconds: "vibegrapher_git_duration_seconds", "What libgit2 does, a call of its repository's thread each.",
          [([], Repository.times.snapshot)]),
        MetricFamily(
          seconds: "vibegrapher_event_loop_turn_seconds",
          "Turns of the event loops: what arrives meanwhile waits so long.",
          server.loopTimes.enumerated().map { ([("loop", "\($0.offset)")], $0.element.snapshot) }),
      ]
    }
    metrics.add { await disk.run { ProcessMetrics.families } }
  }
}
