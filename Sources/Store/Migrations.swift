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

extension Database {
  /// The names of the migrations that were applied, in the program's order.
  package func appliedMigrations() throws -> [String] { try Migrations.migrator.appliedMigrations(self) }

  /// How many of each kind of thing there are; of an owner's things only how many projects.
  package func objectCounts(owner: String? = nil) throws -> [(String, Int)] {
    func count(_ table: String) throws -> Int { try Int.fetchOne(self, sql: "SELECT count(*) FROM \(table)") ?? 0 }
    let projects =
      try Int.fetchOne(
        self, sql: "SELECT count(*) FROM projects WHERE state = 'ready' AND (?1 IS NULL OR owner = ?1)",
        arguments: [owner]) ?? 0
    guard owner == nil else { return [("project", projects)] }
    return [
      ("project", projects), ("session", try count("vibecode_sessions")), ("diff", try count("diffs")),
      ("test", try count("test_cases")), ("key", try count("access_keys")),
    ]
  }
}
