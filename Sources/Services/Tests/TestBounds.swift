import Foundation

/// What test runs may use.
package struct TestBounds: Sendable {
  /// Time of a test.
  package var timeout: Duration
  /// Time of a quick test.
  package var quickTimeout: Duration

  /// Bounds.
  package init(timeout: Duration = .seconds(30), quickTimeout: Duration = .seconds(5)) {
    self.timeout = timeout
    self.quickTimeout = quickTimeout
  }

  /// How many tests run at once: as cores and memory allow, at most ten.
  package static var concurrency: Int {
    let information = ProcessInfo.processInfo
    let byMemory = Int(information.physicalMemory / 2 / (512 << 20))
    return max(1, min(10, 4 * information.activeProcessorCount, byMemory))
  }
}

/// Lets so many at once through, in the order in which they came.
actor Slots {
  private var free: Int
  private var waiters: [CheckedContinuation<Void, Never>] = []

  init(_ count: Int) { free = count }

  /// Runs `body` when a slot is free.
  func run<T: Sendable>(_ body: @Sendable () async throws -> T) async rethrows -> T {
    await withCheckedContinuation { continuation in
      if free > 0 {
        free -= 1
        continuation.resume()
      } else {
        waiters.append(continuation)
      }
    }
    defer { if waiters.isEmpty { free += 1 } else { waiters.removeFirst().resume() } }
    return try await body()
  }
}
