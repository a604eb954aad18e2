import Synchronization

/// What the daemon can say about itself: every part adds a closure that is asked when somebody looks.
package final class Metrics: Sendable {
  private let sources = Mutex<[@Sendable () async -> [MetricFamily]]>([])

  /// Nothing to say yet.
  package init() {}

  /// Adds quantities; two parts may share one by its name, with other labels.
  package func add(_ source: @escaping @Sendable () async -> [MetricFamily]) {
    sources.withLock { $0.append(source) }
  }

  /// All quantities, in the order in which they were added.
  package func families() async -> [MetricFamily] {
    var families: [MetricFamily] = []
    for source in sources.withLock({ $0 }) {
      for family in await source() {
        if let place = families.firstIndex(where: { $0.name == family.name }) {
          families[place].samples += family.samples
        } else {
          families.append(family)
        }
      }
    }
    return families
  }
}
