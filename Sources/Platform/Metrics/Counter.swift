import Synchronization

/// A number that is added to from any thread, without a lock.
package final class Counter: Sendable {
  private let number = Atomic(0)

  /// A counter at 0.
  package init() {}

  /// The number.
  package var value: Int { number.load(ordering: .relaxed) }

  /// Adds to it; what is to go down as well takes negative amounts.
  package func add(_ amount: Int = 1) { number.add(amount, ordering: .relaxed) }
}
