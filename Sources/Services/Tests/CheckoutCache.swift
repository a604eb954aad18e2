import Git
import Synchronization

/// The last small checkouts, by the commit or the tree that they are of: one test often follows the other.
///
/// What an object's name stands for never changes, so nothing in here is ever out of date.
final class CheckoutCache: Sendable {
  private static let count = 8

  private let entries = Mutex<[(name: ObjectID, checkout: Checkout)]>([])

  /// A checkout; one that is large is not kept, and of many the oldest goes.
  subscript(_ name: ObjectID) -> Checkout? {
    get { entries.withLock { $0.last { $0.name == name }?.checkout } }
    set {
      guard let newValue, newValue.isSmall else { return }
      entries.withLock { entries in
        entries.removeAll { $0.name == name }
        entries.append((name, newValue))
        if entries.count > Self.count { entries.removeFirst() }
      }
    }
  }
}
