package import GRDB
import Synchronization

/// A row of a table whose columns are the snake-case names of the type's properties.
package protocol Record: Codable, FetchableRecord, PersistableRecord, Sendable {}

extension Record {
  /// Columns in snake case become properties in camel case.
  package static var databaseColumnDecodingStrategy: DatabaseColumnDecodingStrategy {
    .custom { ColumnNames.property(of: $0) }
  }

  /// Properties in camel case become columns in snake case.
  package static var databaseColumnEncodingStrategy: DatabaseColumnEncodingStrategy {
    .custom { ColumnNames.column(of: $0.stringValue) }
  }

  /// The first row of a query that is compiled once a connection.
  static func first(_ db: Database, _ query: String, _ arguments: StatementArguments) throws -> Self? {
    try fetchOne(db.cachedStatement(sql: query), arguments: arguments)
  }
}

/// Names of columns and of properties, each made once: GRDB's own conversion of every name of every row would take
/// most of the time of reading one.
private enum ColumnNames {
  struct Property: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  private static let properties = Mutex<[String: String]>([:])
  private static let columns = Mutex<[String: String]>([:])

  static func property(of column: String) -> Property {
    let name = properties.withLock { known in
      if let name = known[column] { return name }
      let words = column.split(separator: "_")
      let name = words.dropFirst().reduce(into: String(words.first ?? "")) { name, word in
        name += word.prefix(1).uppercased() + word.dropFirst()
      }
      known[column] = name
      return name
    }
    return Property(stringValue: name)
  }

  static func column(of property: String) -> String {
    columns.withLock { known in
      if let name = known[property] { return name }
      let name = property.reduce(into: "") { name, letter in
        name += letter.isUppercase ? "_" + letter.lowercased() : String(letter)
      }
      known[property] = name
      return name
    }
  }
}
