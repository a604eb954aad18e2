import Foundation
import GRDB
import Store
import TestSupport
import Testing

@Suite struct `SQLite store` {
  @Test func `carries the files of the migrations folder, and records them`() async throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../../migrations")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".sql") }
      .sorted()
    #expect(Migrations.files.map(\.name) == names)
    for file in Migrations.files {
      let text = try String(contentsOf: folder.appending(path: file.name), encoding: .utf8)
      #expect(text == file.sql)
    }
    try await withTemporaryFolder { folder in
      let store = try SQLiteStore.open(url: "sqlite:///\(folder.path)/a/b.db")
      let recorded = try await store.read { db in
        try String.fetchAll(db, sql: "SELECT identifier FROM grdb_migrations ORDER BY identifier")
      }
      #expect(recorded == names)
    }
  }

  @Test func `has its readers from the start, and opens nothing more for many reads at once`() async throws {
    try await withTemporaryFolder { folder in
      let path = folder.appending(path: "x.db").path
      let store = try SQLiteStore.open(url: "sqlite:///\(path)")
      let before = try descriptors(of: path)
      // A reader waits here for the next one, so that there are four of them at one time.
      let (arrived, together) = (DispatchGroup(), 4)
      for _ in 0..<together { arrived.enter() }
      let inTime = try await withThrowingTaskGroup { group in
        for _ in 0..<together {
          group.addTask {
            try await store.read { db in
              _ = try Int.fetchOne(db, sql: "SELECT count(*) FROM projects")
              arrived.leave()
              return arrived.wait(timeout: .now() + 10) == .success
            }
          }
        }
        return try await group.reduce(true) { $0 && $1 }
      }
      #expect(inTime)
      #expect(try descriptors(of: path) == before)
    }
  }

  @Test func `of a newer program is refused with a clear message`() async throws {
    try await withTemporaryFolder { folder in
      let url = "sqlite:///\(folder.path)/x.db"
      let store = try SQLiteStore.open(url: url)
      try await store.pool.write { db in
        try db.execute(sql: "INSERT INTO grdb_migrations (identifier) VALUES ('9999_future.sql')")
      }
      try store.pool.close()
      let error = #expect(throws: StoreError.self) { try SQLiteStore.open(url: url) }
      #expect(error?.code == .newerSchema)
      #expect(error?.message.contains("newer") == true)
    }
  }

  @Test(arguments: ["", "x.db", "sqlite://x.db", "sqlite:///", "sqlite:///a/", "postgres:///x"])
  func `has an address of one form`(url: String) {
    let error = #expect(throws: StoreError.self) { try SQLiteStore.path(ofURL: url) }
    #expect(error?.code == .badURL)
  }

  @Test func `removes what belongs to a project, and keeps a session's diffs`() async throws {
    try await withTemporaryFolder { folder in
      let store = try SQLiteStore.open(url: "sqlite:///\(folder.path)/x.db")
      let time = "2026-01-01T00:00:00.000000Z"
      try await store.pool.write { db in
        try db.insert(
          ProjectRecord(
            id: "p", name: "P", slug: "p", repositoryPath: "/p", currentBranch: "main", state: .ready, createdAt: time))
        try db.insert(
          SessionRecord(
            id: "s", projectId: "p", openaiSessionKey: "k", conversationsDbPath: "/c", sessionType: "global",
            createdAt: time))
        try db.insert(
          DiffRecord(
            id: "d", sessionId: "s", projectId: "p", baseCommit: "0", targetBranch: "main", diffContent: "",
            status: .committed, proposalTree: "0", mergeStatus: .applied, mergeConflicts: "[]", vibecoderPrompt: "",
            evaluatorReasoning: "", commitMessage: "", createdAt: time))
        try db.deleteSession(id: "s")
      }
      let diff = try await store.read { db in try db.diff(id: "d") }
      #expect(diff?.sessionId == .some(nil))
      try await store.pool.write { db in try db.deleteProject(id: "p") }
      let left = try await store.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM diffs") }
      #expect(left == 0)
    }
  }
}

@Suite struct `Conversation file` {
  @Test func `takes each turn once, in order, and forgets what it is told to`() async throws {
    try await withTemporaryFolder { folder in
      let file = ConversationFile(path: folder.path + "/c.db")
      #expect(try file.items(session: "a").isEmpty)
      for _ in 0..<3 { try file.append(turn: "1", [("a", "{\"n\":1}"), ("b", "{\"n\":2}"), ("a", "{\"n\":3}")]) }
      try file.append(turn: "2", [("a", "{\"n\":4}")])
      #expect(try file.items(session: "a") == ["{\"n\":1}", "{\"n\":3}", "{\"n\":4}"])
      try file.clear(sessions: ["a"])
      #expect(try file.items(session: "a").isEmpty)
      #expect(try file.items(session: "b").count == 1)
      try file.remove()
      let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      #expect(left.isEmpty)
    }
  }

  @Test func `has the tables of the Agents SDK`() async throws {
    try await withTemporaryFolder { folder in
      let file = ConversationFile(path: folder.path + "/c.db")
      try file.append(turn: "1", [("a", "{}")])
      let columns = try await DatabaseQueue(path: file.path).read { db in
        try ["agent_sessions", "agent_messages"].map { table in
          try String.fetchAll(db, sql: "SELECT name || ' ' || type FROM pragma_table_info('\(table)')")
        }
      }
      #expect(columns[0] == ["session_id TEXT", "created_at TIMESTAMP", "updated_at TIMESTAMP"])
      #expect(columns[1] == ["id INTEGER", "session_id TEXT", "message_data TEXT", "created_at TIMESTAMP"])
    }
  }
}

/// How many descriptors of this process are open on a file, or on one beside it whose name begins like it.
private func descriptors(of path: String) throws -> Int {
  let folder = "/proc/self/fd"
  return try FileManager.default.contentsOfDirectory(atPath: folder).count { name in
    (try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(name)"))?.hasPrefix(path) == true
  }
}
