import Foundation
import Git
import Services
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct `Pool of repositories` {
  @Test func `keeps those that are used, and lets go of the one that was not used for longest`() throws {
    let pool = try RepositoryPool(threads: 1)
    let (used, unused) = (pool.writer("/used"), pool.writer("/unused"))
    for number in 0..<300 {
      _ = pool.reader("/other/\(number)")
      #expect(pool.writer("/used") === used)
    }
    #expect(pool.writer("/unused") !== unused)
    #expect(pool.reader("/used") !== used)
  }

  /// Reads so much of a repository that no more of any may stay in memory.
  private func fill(_ repository: Repository) async throws {
    try await repository.create(branch: "main")
    var changes: [(path: RepositoryPath, file: TreeFile?)] = []
    for number in 0..<900 {
      let content = Array("\(number)".utf8) + [UInt8](repeating: 0, count: 60_000)
      changes.append((try RepositoryPath("\(number).bin"), TreeFile(content)))
    }
    let tree = try await repository.makeTree(from: nil, changes: changes)
    for change in changes { _ = try await repository.file(change.path, in: tree) }
  }

  @Test func `gives back what one holds that is not used any longer`() async throws {
    try await withTemporaryFolder { folder in
      let pool = try RepositoryPool(threads: 1)
      #expect(!Repository.isMemoryFull)
      try await fill(pool.writer(folder.path + "/filled"))
      #expect(Repository.isMemoryFull)
      _ = pool.reader(folder.path + "/another")
      _ = pool.reader(folder.path + "/another")
      #expect(!Repository.isMemoryFull)
    }
  }
}
