import Synchronization

/// Lets one task at a time work on an object, in the order in which they came; others with other keys go on.
package final class KeyedLock: Sendable {
  private let waiters = Mutex<[String: [CheckedContinuation<Void, Never>]]>([:])

  /// A lock that nobody holds.
  package init() {}

  /// Runs `body` while holding the lock of a key.
  package func withLock<T>(_ key: String, _ body: () async throws -> T) async rethrows -> T {
    await acquire(key)
    do {
      let result = try await body()
      release(key)
      return result
    } catch {
      release(key)
      throw error
    }
  }

  /// Whether somebody holds the lock of a key just now.
  package func isHeld(_ key: String) -> Bool { waiters.withLock { $0[key] != nil } }

  private func acquire(_ key: String) async {
    await withCheckedContinuation { continuation in
      let isFree = waiters.withLock { waiters -> Bool in
        guard waiters[key] != nil else {
          waiters[key] = []
          return true
        }
        waiters[key]?.append(continuation)
        return false
      }
      if isFree { continuation.resume() }
    }
  }

  private func release(_ key: String) {
    let next = waiters.withLock { waiters -> CheckedContinuation<Void, Never>? in
      guard waiters[key]?.isEmpty == false else {
        waiters[key] = nil
        return nil
      }
      return waiters[key]?.removeFirst()
    }
    next?.resume()
  }
}
