/// How many characters a terminal shows.
package struct TerminalSize: Hashable, Sendable {
  /// Columns and rows that a terminal may have.
  package static let bounds = 1...1000
  /// What terminals have had for fifty years.
  package static let usual = TerminalSize(columns: UInt16(80), rows: UInt16(24))

  /// Characters in a row.
  package let columns: UInt16
  /// Rows.
  package let rows: UInt16

  private init(columns: UInt16, rows: UInt16) {
    self.columns = columns
    self.rows = rows
  }

  /// A size within the bounds, otherwise nil.
  package init?(columns: Int, rows: Int) {
    guard Self.bounds.contains(columns), Self.bounds.contains(rows) else { return nil }
    self.init(columns: UInt16(columns), rows: UInt16(rows))
  }
}
