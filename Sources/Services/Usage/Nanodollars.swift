/// US dollars as whole nanodollars, so that sums are exact.
package enum Nanodollars {
  /// The largest amount that is told apart from more: a million dollars.
  package static let most = 1_000_000_000_000_000

  /// An amount, rounded up: what is spent is never made smaller; but for what the arithmetic of fractions adds.
  package static func spent(_ dollars: Double) -> Int {
    Int(min(max(0, (dollars * 1e9 - 0.001).rounded(.up)), Double(most)))
  }

  /// An amount, rounded to the nearest: what a person wrote.
  package static func limit(_ dollars: Double) -> Int { Int(min(max(0, (dollars * 1e9).rounded()), Double(most))) }

  /// The dollars of an amount.
  package static func dollars(_ amount: Int) -> Double { Double(amount) / 1e9 }

  /// An amount for a person: `$0.0021`.
  static func text(_ amount: Int) -> String {
    let digits = String(amount % 1_000_000_000)
    var fraction = String(repeating: "0", count: 9 - digits.count) + digits
    while fraction.count > 2, fraction.hasSuffix("0") { fraction.removeLast() }
    return "$\(amount / 1_000_000_000).\(fraction)"
  }
}
