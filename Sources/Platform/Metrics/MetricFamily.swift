/// One quantity as Prometheus knows it: its name, and its samples by labels.
package struct MetricFamily: Sendable {
  /// What kind of quantity it is.
  package enum Kind: String, Sendable { case counter, gauge, histogram }

  /// One line.
  package struct Sample: Sendable {
    /// What follows the family's name: `_bucket`, `_sum`, `_count` of histograms.
    let suffix: String
    let labels: [(name: String, value: String)]
    let value: Double
  }

  let name: String
  let help: String
  let kind: Kind
  var samples: [Sample]

  /// A quantity with a number for each set of labels; the name of a counter ends in `_total`, of a time in `_seconds`.
  package init(
    _ name: String, _ help: String, _ kind: Kind, _ values: [(labels: [(name: String, value: String)], value: Double)]
  ) {
    self.name = name
    self.help = help
    self.kind = kind
    samples = values.map { Sample(suffix: "", labels: $0.labels, value: $0.value) }
  }

  /// A quantity without labels.
  package init(_ name: String, _ help: String, _ kind: Kind, _ value: Double) {
    self.init(name, help, kind, [([], value)])
  }

  /// Times, in seconds, for each set of labels; sets of which nothing was counted are left out.
  package init(
    seconds name: String, _ help: String,
    _ values: [(labels: [(name: String, value: String)], snapshot: Histogram.Snapshot)]
  ) {
    self.name = name
    self.help = help
    kind = .histogram
    samples = values.flatMap { labels, snapshot in
      var count = 0
      var samples = Histogram.bounds.enumerated().map { index, bound in
        count += snapshot.counts[index]
        return Sample(
          suffix: "_bucket", labels: labels + [("le", "\(Double(bound) / 1e9)")], value: Double(count))
      }
      let total = Double(snapshot.total)
      samples.append(Sample(suffix: "_bucket", labels: labels + [("le", "+Inf")], value: total))
      samples.append(Sample(suffix: "_sum", labels: labels, value: Double(snapshot.sum) / 1e9))
      samples.append(Sample(suffix: "_count", labels: labels, value: total))
      return samples
    }
  }
}
