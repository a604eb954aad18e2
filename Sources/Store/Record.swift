package import GRDB

/// A row of a table whose columns are the snake-case names of the type's properties.
package protocol Record: Codable, FetchableRecord, PersistableRecord, Sendable {}

extension Record {
  /// Columns in snake case become properties in camel case.
  package static var databaseColumnDecodingStrategy: DatabaseColumnDecodingStrategy { .convertFromSnakeCase }
  /// Properties in camel case become columns in snake case.
  package static var databaseColumnEncodingStrategy: DatabaseColumnEncodingStrategy { .convertToSnakeCase }
}
