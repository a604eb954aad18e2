/// Reads the dates of HTTP fields (RFC 9110 section 5.6.7), in all three forms that a recipient must take.
///
///     Sun, 06 Nov 1994 08:49:37 GMT     IMF-fixdate
///     Sunday, 06-Nov-94 08:49:37 GMT    RFC 850
///     Sun Nov  6 08:49:37 1994          asctime
package enum HTTPDate {
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// The seconds since 1970, or nil when the text is no date.
  ///
  /// A year of two digits lies at most 50 years after `thisYear`.
  package static func seconds(_ text: String, thisYear: Int = 2026) -> Int? {
    let parts = text.split(whereSeparator: { " ,-".contains($0) }).map(String.init)
    switch parts.count {
    case 6 where parts[5] == "GMT":
      guard let year = number(parts[3], digits: parts[3].utf8.count == 2 ? 2 : 4) else { return nil }
      return seconds(
        day: parts[1], month: parts[2], year: parts[3].utf8.count == 2 ? century(of: year, thisYear) : year,
        time: parts[4])
    case 5:
      guard let year = number(parts[4], digits: 4) else { return nil }
      return seconds(day: parts[2], month: parts[1], year: year, time: parts[3])
    default: return nil
    }
  }

  private static func century(of year: Int, _ thisYear: Int) -> Int {
    let full = thisYear / 100 * 100 + year
    return full > thisYear + 50 ? full - 100 : full
  }

  private static func number(_ text: some StringProtocol, digits: Int) -> Int? {
    guard text.utf8.count == digits, text.utf8.allSatisfy(ByteClasses.isDigit) else { return nil }
    return Int(text)
  }

  private static func seconds(day: String, month: String, year: Int, time: String) -> Int? {
    guard let month = months.firstIndex(of: month), let day = number(day, digits: day.utf8.count == 1 ? 1 : 2),
      (1...31).contains(day)
    else { return nil }
    let clock = time.split(separator: ":", omittingEmptySubsequences: false).compactMap { number($0, digits: 2) }
    guard clock.count == 3, clock[0] < 24, clock[1] < 60, clock[2] <= 60 else { return nil }
    // Days since 1970 in eras of 400 years that begin on 1 March, which puts the leap day last.
    let shiftedYear = month < 2 ? year - 1 : year
    let era = shiftedYear / 400
    let yearOfEra = shiftedYear - era * 400
    let dayOfYear = (153 * ((month + 10) % 12) + 2) / 5 + day - 1
    let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    return days * 86_400 + clock[0] * 3600 + clock[1] * 60 + clock[2]
  }
}
