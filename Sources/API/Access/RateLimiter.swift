import HTTP
import HTTPTypes
import Server
import Synchronization

/// So many requests a minute from one address, or with one key: the generic cell rate algorithm (ITU-T I.371), which is a bucket of a
/// minute's requests that fills at an even pace, kept as one time for each.
final class RateLimiter: Sendable {
  /// The least number of addresses that are remembered before those with a full bucket are forgotten.
  private static let pruneAbove = 4096
  private static let window: Duration = .seconds(60)

  private struct State {
    /// When an address's bucket will be full again.
    var full: [String: ContinuousClock.Instant] = [:]
    var pruneAt = pruneAbove
  }

  private let perMinute: Int
  private let state = Mutex(State())

  /// A limiter; 0 lets everything pass.
  init(perMinute: Int) { self.perMinute = perMinute }

  /// Counts a request of an address or key; people call it so in the refusal.
  ///
  /// - Throws: `Problem` 429 with `Retry-After` (RFC 6585 section 4) when it is one too many.
  func admit(
    _ address: String, calledBy name: String? = nil, now: ContinuousClock.Instant = .now
  ) throws(Problem) {
    guard perMinute > 0 else { return }
    let cost = Self.window / perMinute
    let wait = state.withLock { state -> Duration? in
      let full = max(state.full[address] ?? now, now) + cost
      let excess = now.duration(to: full) - Self.window
      // A client that is exactly at the limit must not be refused for the clock's last digit.
      guard excess <= .nanoseconds(perMinute) else { return excess }
      state.full[address] = full
      if state.full.count > state.pruneAt {
        state.full = state.full.filter { $0.value > now }
        state.pruneAt = max(Self.pruneAbove, 2 * state.full.count)
      }
      return nil
    }
    guard let wait else { return }
    let seconds = wait.components.seconds + 1
    throw Authenticator.tooMany(
      "rate_limited", "\(name ?? address) may send \(perMinute) requests a minute; come back in \(seconds) s",
      seconds: Int(seconds))
  }
}
