import CPlatform
import Glibc

/// The time since some moment, for measuring: cheaper to read than `ContinuousClock`.
package enum MonotonicClock {
  /// Nanoseconds (clock_gettime(2), `CLOCK_MONOTONIC`).
  package static var nanoseconds: Int {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }
}
