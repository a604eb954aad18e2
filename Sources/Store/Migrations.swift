import CResources
package import GRDB

/// The numbered SQL files of `migrations/`, which the executable carries.
package enum Migrations {
  /// The names and texts, in order.
  package static var files: [(name: String, sql: String)] {
    var files: [(name: String, sql: String)] = []
    while let file = unsafe cresources_migration(files.count)?.pointee {
      let bytes = unsafe UnsafeBufferPointer(start: file.bytes, count: file.size)
      unsafe files.append((String(cString: file.name), String(decoding: bytes, as: UTF8.self)))
    }
    return files
  }

  /// Applies each file once, in a transaction of its own, and records its name in `grdb_migrations`.
  package static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    for file in files {
      migrator.registerMigration(file.name) { db in try db.execute(sql: file.sql) }
    }
    return migrator
  }
}
