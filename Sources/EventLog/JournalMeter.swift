package import Platform
import Store

/// Counts what goes into the log and out of it.
final class JournalMeter: Sendable {
  /// How long transactions take.
  let commits = Histogram()
  /// Events that were appended.
  let appended = Counter()
  /// Events that were handed to readers, once for each.
  let delivered = Counter()
}

extension Journal {
  /// The quantities of the log and of the database.
  package var metrics: [MetricFamily] {
    [
      MetricFamily(
        "vibegrapher_events_appended_total", "Events that were appended to the log.", .counter,
        Double(meter.appended.value)),
      MetricFamily(
        "vibegrapher_events_delivered_total", "Events that were handed to readers, once for each reader.", .counter,
        Double(meter.delivered.value)),
      MetricFamily(
        "vibegrapher_subscriptions", "Topics that are being followed, once for each reader.", .gauge,
        Double(broadcaster.count)),
      MetricFamily(
        seconds: "vibegrapher_database_duration_seconds",
        "Reads and transactions, waiting for a connection included, and syncs of what was written to the disk.",
        [
          ([("operation", "read")], store.readTimes.snapshot), ([("operation", "write")], meter.commits.snapshot),
          ([("operation", "sync")], syncs.times.snapshot),
        ]),
    ]
  }
}
