import CPlatform
import Glibc

/// A moment in UTC, in microseconds since 1970, written as RFC 3339: `2026-11-21T01:48:58.123456Z`.
///
/// The text form always has six decimals, so that texts sort as the moments do.
package struct Timestamp: Hashable, Comparable, Sendable {
  /// Microseconds since 1970-01-01T00:00:00Z.
  package let microseconds: Int

  /// The moment so many microseconds after 1970.
  package init(microseconds: Int) { self.microseconds = microseconds }

  /// The present, by the system's real-time clock.
  package static var now: Timestamp {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(microseconds: time.tv_sec * 1_000_000 + time.tv_nsec / 1000)
  }

  /// The moment that much later.
  package func adding(_ duration: Duration) -> Timestamp {
    let (seconds, attoseconds) = duration.components
    return Timestamp(microseconds: microseconds + Int(seconds) * 1_000_000 + Int(attoseconds / 1_000_000_000_000))
  }

  /// Bytes of the RFC 3339 text.
  package static let textLength = 27

  /// The RFC 3339 text.
  package var text: String {
    unsafe String(unsafeUninitializedCapacity: Self.textLength) { buffer in
      unsafe write(to: UnsafeMutableBufferPointer(rebasing: buffer[..<Self.textLength]))
      return Self.textLength
    }
  }

  /// Writes the RFC 3339 text over as many bytes, which begin at an index.
  package func write(over bytes: inout [UInt8], at start: Int) {
    let range = start..<start + Self.textLength
    precondition(range.upperBound <= bytes.count)
    unsafe bytes.withUnsafeMutableBufferPointer { unsafe write(to: UnsafeMutableBufferPointer(rebasing: $0[range])) }
  }

  private func write(to buffer: UnsafeMutableBufferPointer<UInt8>) {
    let (days, second, fraction) = split
    let date = CivilDate(daysSince1970: days)
    var position = 0
    func put(_ value: Int, digits: Int, then separator: StaticString) {
      var value = value
      for place in stride(from: position + digits - 1, through: position, by: -1) {
        unsafe buffer[place] = UInt8(ascii: "0") + UInt8(value % 10)
        value /= 10
      }
      unsafe buffer[position + digits] = separator.utf8Start.pointee
      position += digits + 1
    }
    put(date.year, digits: 4, then: "-")
    put(date.month, digits: 2, then: "-")
    put(date.day, digits: 2, then: "T")
    put(second / 3600, digits: 2, then: ":")
    put(second / 60 % 60, digits: 2, then: ":")
    put(second % 60, digits: 2, then: ".")
    put(fraction, digits: 6, then: "Z")
  }

  /// The IMF-fixdate form of RFC 9110 section 5.6.7, to the second: `Sun, 06 Nov 1994 08:49:37 GMT`.
  package var httpDate: String {
    let (days, second, _) = split
    let date = CivilDate(daysSince1970: days)
    let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][((days % 7) + 7) % 7]
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let time = [second / 3600, second / 60 % 60, second % 60].map(CivilDate.twoDigits).joined(separator: ":")
    return "\(weekday), \(CivilDate.twoDigits(date.day)) \(months[date.month - 1]) \(date.year) \(time) GMT"
  }

  private var split: (days: Int, second: Int, fraction: Int) {
    let perDay = 86_400_000_000
    let days = microseconds >= 0 ? microseconds / perDay : (microseconds - perDay + 1) / perDay
    let rest = microseconds - days * perDay
    return (days, rest / 1_000_000, rest % 1_000_000)
  }

  /// Whether the left moment is earlier.
  package static func < (left: Timestamp, right: Timestamp) -> Bool { left.microseconds < right.microseconds }
}
