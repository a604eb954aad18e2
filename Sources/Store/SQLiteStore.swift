import Foundation
package import GRDB
package import Platform
import Synchronization

/// The one SQLite file that holds the facts, opened as a pool: one writer, readers that never wait for it (WAL).
package struct SQLiteStore: Sendable {
  /// The pool; writes go through the journal of `EventLog`, so that rows and events are committed together.
  package let pool: DatabasePool
  /// Pages of 4 KiB after which SQLite makes a checkpoint within a commit, should nobody else have made one: 256 MiB.
  private static var mostPagesOfLog: Int { 65_536 }
  /// Connections for reads; all of them are there from the start.
  private static var readers: Int { 4 }
  /// Makes checkpoints and nothing else, so that the writer does not have to.
  private let checkpointer: DatabaseQueue
  /// How long reads take, waiting for a connection included.
  package let readTimes = Histogram()

  /// Opens the file of a `sqlite:///` URL, making it and its folder, and migrates it to this program's schema.
  ///
  /// - Throws: `StoreError` for a bad URL or a database newer than the program, `DatabaseError` of GRDB otherwise.
  package static func open(url: String) throws -> SQLiteStore {
    let path = try path(ofURL: url)
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    var configuration = Configuration()
    configuration.foreignKeysEnabled = true
    configuration.maximumReaderCount = readers
    configuration.busyMode = .timeout(5)
    configuration.journalMode = .wal
    configuration.prepareDatabase { db in
      try db.execute(sql: "PRAGMA synchronous = NORMAL")
      // Savepoints keep what they may have to take back there: not in files.
      try db.execute(sql: "PRAGMA temp_store = MEMORY")
      try db.execute(sql: "PRAGMA wal_autocheckpoint = \(mostPagesOfLog)")
    }
    let pool = try DatabasePool(path: path, configuration: configuration)
    let migrator = Migrations.migrator
    if try pool.read(migrator.hasBeenSuperseded) {
      throw StoreError(
        .newerSchema, "the database \(path) was written by a newer vibegrapher: run that version, or use another file")
    }
    try migrator.migrate(pool)
    try openReaders(of: pool)
    let checkpointer = try DatabaseQueue(path: path, configuration: configuration)
    return SQLiteStore(pool: pool, checkpointer: checkpointer)
  }

  /// Has the pool open all of its readers by reading on each at one time, so that no later request has to wait for it,
  /// and the daemon at rest has as many descriptors before a rush of requests as after it.
  private static func openReaders(of pool: DatabasePool) throws {
    let opened = DispatchGroup()
    let failure = Mutex<(any Error)?>(nil)
    for _ in 0..<readers { opened.enter() }
    for _ in 0..<readers {
      pool.asyncRead { reader in
        do {
          // The file of the log is opened by the first read, not by the beginning of a transaction.
          _ = try Int.fetchOne(reader.get(), sql: "SELECT count(*) FROM sqlite_master")
          opened.leave()
          // Nobody gives a reader back before all have one.
          opened.wait()
        } catch {
          failure.withLock { $0 = error }
          opened.leave()
        }
      }
    }
    opened.wait()
    if let error = failure.withLock({ $0 }) { throw error }
  }

  /// The file path of `sqlite:///relative`, `sqlite:////absolute`.
  package static func path(ofURL url: String) throws(StoreError) -> String {
    let prefix = "sqlite:///"
    guard url.hasPrefix(prefix), url.count > prefix.count, !url.hasSuffix("/") else {
      throw StoreError(.badURL, "DATABASE_URL must be sqlite:///PATH, found '\(url)'")
    }
    return String(url.dropFirst(prefix.count))
  }

  /// Removes the database file of a URL with its journal.
  package static func remove(url: String) throws {
    let path = try path(ofURL: url)
    for suffix in ["", "-wal", "-shm"] where FileManager.default.fileExists(atPath: path + suffix) {
      try FileManager.default.removeItem(atPath: path + suffix)
    }
  }

  /// Takes the write-ahead log into the database (sqlite.org/wal.html); there must be something in it.
  ///
  /// Most of it is done on `thread` while the writer goes on, again and again until little has come meanwhile. A reader
  /// holds the log then, so that the writer cannot begin it anew under the checkpoint, in which versions before 3.51.3
  /// can go wrong. The writer takes what is left, and begins the log anew with its next transaction.
  package func checkpoint(on thread: DiskThread) async throws {
    try await thread.run { [pool, checkpointer] in
      var copied = 0
      for _ in 0..<Self.mostPasses {
        let pages = try pool.read { db in
          _ = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_sequence")
          return try checkpointer.inDatabase { try $0.checkpoint(.passive).checkpointedFrameCount }
        }
        // A pass ends where the log ended when it began: one that was short has left little.
        if pages - copied <= Self.fewPages { break }
        copied = pages
      }
    }
    _ = try await pool.writeWithoutTransaction { try $0.checkpoint(.passive) }
  }

  /// How often the thread of checkpoints begins anew at most: a writer that is quicker than it is not outrun.
  private static var mostPasses: Int { 4 }
  /// Pages of the log that are some milliseconds' work.
  private static var fewPages: Int { 500 }

  /// Reads on one of the reader connections, from one moment's state of the database.
  package func read<T: Sendable>(_ query: @escaping @Sendable (Database) throws -> T) async throws -> T {
    let begun = MonotonicClock.nanoseconds
    defer { readTimes.observe(nanoseconds: MonotonicClock.nanoseconds - begun) }
    return try await pool.read(query)
  }
}
