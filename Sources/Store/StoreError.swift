/// Why the database cannot be used.
package struct StoreError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What kind of fault it is.
  package enum Code: String, Sendable {
    /// The database was written by a newer program.
    case newerSchema
    /// `DATABASE_URL` names no SQLite file.
    case badURL
    /// A list is to go on behind a row that is not there.
    case unknownRow
  }

  /// The kind.
  package let code: Code
  /// One sentence: what was wanted, what was found, what to do.
  package let message: String

  /// An error of that kind.
  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// The sentence.
  package var description: String { message }
}
