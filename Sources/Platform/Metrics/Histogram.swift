import Synchronization

/// How often something took how long: counts by bounds, added to from any thread, without a lock.
package final class Histogram: Sendable {
  /// The counts at a moment.
  package struct Snapshot: Sendable {
    /// For each bound how many took no longer than it, and longer than the bound before; at the end those above all.
    package internal(set) var counts: [Int]
    /// All of them together, nanoseconds.
    package internal(set) var sum: Int

    /// Nothing yet.
    package init() {
      counts = Array(repeating: 0, count: Histogram.bounds.count + 1)
      sum = 0
    }

    /// How many.
    package var total: Int { counts.reduce(0, +) }

    /// Adds those of another.
    package mutating func add(_ other: Snapshot) {
      for index in counts.indices { counts[index] += other.counts[index] }
      sum += other.sum
    }
  }

  /// The bounds, nanoseconds: from 50 microseconds to 30 seconds, which covers a loop's turn and an agent's answer.
  package static let bounds: [Int] = [
    50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000,
    100_000_000, 250_000_000, 1_000_000_000, 5_000_000_000, 30_000_000_000,
  ]

  private let counts = InlineArray<16, Atomic<Int>> { _ in Atomic(0) }
  private let sum = Atomic(0)

  /// An empty histogram.
  package init() {}

  /// Counts something that took so many nanoseconds.
  package func observe(nanoseconds: Int) {
    // Most things are quick: a scan from below ends early.
    var place = 0
    while place < Self.bounds.count, nanoseconds > Self.bounds[place] { place += 1 }
    counts[place].add(1, ordering: .relaxed)
    sum.add(nanoseconds, ordering: .relaxed)
  }

  /// Counts what `body` takes.
  package func time<T, E: Error>(_ body: () throws(E) -> T) throws(E) -> T {
    let begun = MonotonicClock.nanoseconds
    defer { observe(nanoseconds: MonotonicClock.nanoseconds - begun) }
    return try body()
  }

  /// The counts so far; those of one moment only while nobody adds.
  package var snapshot: Snapshot {
    var snapshot = Snapshot()
    for index in 0..<16 { snapshot.counts[index] = counts[index].load(ordering: .relaxed) }
    snapshot.sum = sum.load(ordering: .relaxed)
    return snapshot
  }
}
