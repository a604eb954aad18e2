import Foundation
import Git
import Platform
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct `Repository on disk` {
  private static let author = Author(name: "Vibegrapher", email: "vibegrapher@example.com", seconds: 1_700_000_000)

  /// A repository with one commit of `a.txt`, checked out.
  private static func withCommit(_ body: (Repository, ObjectID) async throws -> Void) async throws {
    try await withTemporaryFolder { folder in
      let thread = try ThreadExecutor(name: "git")
      let repository = Repository(path: folder.appending(path: "repository").path, executor: thread)
      try await repository.create(branch: "main")
      let commit = try await Self.commit(["a.txt": "one\n", "dir/b.txt": "b\n"], on: nil, in: repository)
      try await repository.moveReference("refs/heads/main", from: nil, to: commit, note: "first")
      try await repository.followHead(from: nil)
      try await body(repository, commit)
      thread.stop()
    }
  }

  private static func commit(
    _ files: [String: String?], on parent: ObjectID?, in repository: Repository
  ) async throws -> ObjectID {
    var base: ObjectID?
    if let parent { base = try await repository.tree(of: parent) }
    let changes = try files.sorted { $0.key < $1.key }.map { path, text in
      (path: try RepositoryPath(path), file: text.map { TreeFile(Array($0.utf8)) })
    }
    let tree = try await repository.makeTree(from: base, changes: changes)
    return try await repository.makeCommit(
      tree: tree, parents: parent.map { [$0] } ?? [], message: "Change it", author: author)
  }

  @Test func `is clean in git's own eyes`() async throws {
    try await Self.withCommit { repository, commit in
      let result = try Shell.run(
        """
        cd '\(repository.path)' && git fsck --strict 2>&1 && git status --porcelain && git log --format='%H %an <%ae> %s' \
        && git clone -q . ../clone && cat ../clone/a.txt && git symbolic-ref HEAD
        """)
      #expect(result.output == "\(commit.hex) Vibegrapher <vibegrapher@example.com> Change it\none\nrefs/heads/main\n")
      #expect(result.status == 0)
    }
  }

  @Test func `moves a branch only from where it is expected to be, for one of many`() async throws {
    try await Self.withCommit { repository, first in
      var commits: [ObjectID] = []
      for index in 0..<20 { commits.append(try await Self.commit(["a.txt": "\(index)\n"], on: first, in: repository)) }
      let moved = await withTaskGroup(of: Bool.self) { group in
        for commit in commits {
          group.addTask {
            do {
              try await repository.moveReference("refs/heads/main", from: first, to: commit, note: "race")
              return true
            } catch { return (error as? GitError)?.code != .moved }
          }
        }
        return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
      }
      #expect(moved == 1)
    }
  }

  @Test func `sees commits of other tools, and keeps files that were edited by hand`() async throws {
    try await Self.withCommit { repository, first in
      _ = try Shell.run(
        "cd '\(repository.path)' && echo two > c.txt && git add c.txt && git -c user.name=x -c user.email=x@y commit -qm two"
      )
      let head = try await repository.head().commit
      #expect(head != first)
      let second = try #require(head)
      try "by hand\n".write(toFile: repository.path + "/dir/b.txt", atomically: true, encoding: .utf8)
      let third = try await Self.commit(["a.txt": "three\n"], on: second, in: repository)
      let before = try await repository.tree(of: second)
      try await repository.moveReference("refs/heads/main", from: second, to: third, note: "third")
      try await repository.followHead(from: before)
      let text = try Shell.run("cd '\(repository.path)' && cat a.txt dir/b.txt && git status --porcelain").output
      #expect(text == "three\nby hand\n M dir/b.txt\n")
    }
  }

  // Names that sort otherwise as a folder than as a file, and folders in whose place there may be files.
  private static let places = ["a", "a/x", "a/x/y", "a-b", "a.b/c", "a0", "b/c/d", "b/c/e", "b/f", "z"]

  private static func randomTree(_ random: inout SeededGenerator, in repository: Repository) async throws -> ObjectID {
    var changes: [(path: RepositoryPath, file: TreeFile?)] = []
    for place in places.shuffled(using: &random).prefix(Int.random(in: 0...6, using: &random)) {
      let isInTheWay = changes.contains { other, _ in
        "\(other)/".hasPrefix("\(place)/") || place.hasPrefix("\(other)/")
      }
      guard !isInTheWay else { continue }
      let text = "\(Int.random(in: 1...3, using: &random))\n"
      let mode: TreeFile.Mode = Bool.random(using: &random) ? .regular : .executable
      changes.append((try RepositoryPath(place), TreeFile(Array(text.utf8), mode: mode)))
    }
    return try await repository.makeTree(from: nil, changes: changes)
  }

  @Test func `differs between two trees where git says so`() async throws {
    try await Self.withCommit { repository, _ in
      var random = SeededGenerator(seed: 7)
      var differing = 0
      func git(_ options: String, _ old: ObjectID, _ new: ObjectID) throws -> [String] {
        try Shell.run("cd '\(repository.path)' && git diff --name-only \(options) \(old) \(new)").output
          .split(separator: "\n").map(String.init)
      }
      for _ in 0..<60 {
        let old = try await Self.randomTree(&random, in: repository)
        let new = try await Self.randomTree(&random, in: repository)
        let paths = try await repository.changedPaths(from: old, to: new)
        #expect(paths == (try git("--no-renames", old, new)))
        let files = try await repository.diff(from: old, to: new).files
        #expect(files.map(\.path).sorted() == (try git("-M", old, new)).sorted())
        differing += paths.isEmpty ? 0 : 1
      }
      #expect(differing > 30)
    }
  }

  @Test func `shows and checks out what has a name that is not UTF-8`() async throws {
    try await Self.withCommit { repository, first in
      _ = try Shell.run(
        """
        cd '\(repository.path)' && printf '1\\n' > "$(printf 'caf\\351.txt')" && git add . \
        && git -c user.name=x -c user.email=x@y commit -qm odd && git reset -q --hard HEAD~
        """)
      let odd = try #require(try await repository.reference("ORIG_HEAD"))
      let trees = (old: try await repository.tree(of: first), new: try await repository.tree(of: odd))
      let diff = try await repository.diff(from: trees.old, to: trees.new)
      #expect(diff.files.count == 1 && diff.text.contains("+1\n"))
      let other = try await Self.commit(["a.txt": "other\n"], on: first, in: repository)
      let tree = try await repository.tree(of: other)
      #expect(try await repository.fit(base: trees.old, ours: tree, theirs: trees.new) == .clean)
      guard case .clean(let merged) = try await repository.merge(base: trees.old, ours: tree, theirs: trees.new) else {
        throw GitError(.failed, "they go together")
      }
      let commit = try await repository.makeCommit(tree: merged, parents: [first], message: "both", author: Self.author)
      try await repository.moveReference("refs/heads/main", from: first, to: commit, note: "both")
      try await repository.followHead(from: trees.old, to: merged)
      #expect(try await repository.hasFollowed(from: trees.old, to: merged))
      let found = try Shell.run("cd '\(repository.path)' && cat caf*.txt a.txt && git status --porcelain")
      #expect(found.output == "1\nother\n")
    }
  }

  /// The trees of two commits that change the first and the last line of a file so many folders deep, behind that of
  /// their base.
  private static func deepTrees(_ levels: Int, in repository: Repository) async throws -> [ObjectID] {
    let path = String(repeating: "d/", count: levels) + "f.txt"
    let texts = ["1\n2\n3\n4\n5\n", "one\n2\n3\n4\n5\n", "1\n2\n3\n4\nfive\n"]
    let commits = texts.enumerated().map { number, text in
      """
      commit refs/heads/deep\(number)
      committer A <a@b> 1700000000 +0000
      data 0
      M 100644 inline \(path)
      data \(text.utf8.count)
      \(text)

      """
    }
    try commits.joined().write(toFile: repository.path + "/.git/stream", atomically: true, encoding: .utf8)
    #expect(try Shell.run("cd '\(repository.path)' && git fast-import --quiet < .git/stream").status == 0)
    var trees: [ObjectID] = []
    for number in 0..<3 {
      let commit = try #require(try await repository.reference("refs/heads/deep\(number)"))
      trees.append(try await repository.tree(of: commit))
    }
    return trees
  }

  @Test(arguments: [1, 255, 256, 257, 1000])
  func `compares and merges what lies deep`(levels: Int) async throws {
    try await Self.withCommit { repository, _ in
      let trees = try await Self.deepTrees(levels, in: repository)
      let path = String(repeating: "d/", count: levels) + "f.txt"
      #expect(try await repository.changedPaths(from: trees[0], to: trees[1]) == [path])
      #expect(try await repository.diff(from: trees[0], to: trees[1]).text.contains("-1\n+one\n"))
      #expect(try await repository.fit(base: trees[0], ours: trees[1], theirs: trees[2]) == .clean)
      guard case .clean(let tree) = try await repository.merge(base: trees[0], ours: trees[1], theirs: trees[2]) else {
        throw GitError(.failed, "they go together")
      }
      let merged = try Shell.run("cd '\(repository.path)' && git show '\(tree):\(path)'").output
      #expect(merged == "one\n2\n3\n4\nfive\n")
    }
  }

  @Test func `refuses to compare what no file system would hold`() async throws {
    try await Self.withCommit { repository, _ in
      let trees = try await Self.deepTrees(2100, in: repository)
      let error = await #expect(throws: GitError.self) {
        try await repository.changedPaths(from: trees[0], to: trees[1])
      }
      #expect(error?.code == .badPath)
    }
  }

  @Test(
    arguments: [
      (["a.txt": "one\nmore\n"], ["dir/b.txt": "b2\n"], true), (["a.txt": "ours\n"], ["a.txt": "theirs\n"], false),
      (["a.txt": nil], ["a.txt": "theirs\n"], false), (["a.txt": "same\n"], ["a.txt": "same\n"], true),
      (["n.txt": "1\n"], ["n.txt": "2\n"], false),
    ] as [([String: String?], [String: String?], Bool)])
  func `merges as git does`(ours: [String: String?], theirs: [String: String?], isClean: Bool) async throws {
    try await Self.withCommit { repository, base in
      let left = try await Self.commit(ours, on: base, in: repository)
      let right = try await Self.commit(theirs, on: base, in: repository)
      let trees = try await (repository.tree(of: base), repository.tree(of: left), repository.tree(of: right))
      let result = try await repository.merge(base: trees.0, ours: trees.1, theirs: trees.2)
      let git = try Shell.run("cd '\(repository.path)' && git merge-tree --write-tree \(left.hex) \(right.hex)")
      #expect((git.status == 0) == isClean)
      switch result {
      case .clean(let tree): #expect(git.output.hasPrefix(tree.hex) && isClean)
      case .conflicting(let paths): #expect(!isClean && paths == [ours.keys.first ?? ""])
      }
    }
  }

  @Test func `says what is not there`() async throws {
    try await Self.withCommit { repository, commit in
      for name in ["deadbeef", "zz", "", "HEAD", String(repeating: "0", count: 40)] {
        let error = await #expect(throws: GitError.self) { try await repository.commit(name) }
        #expect(error?.code == .notFound, "\(name)")
      }
      let tree = try await repository.tree(of: commit)
      let missing = try await repository.file(try RepositoryPath("no"), in: tree)
      #expect(missing == nil)
    }
  }

  @Test func `round trips texts through a diff`() async throws {
    var generator = SystemRandomNumberGenerator()
    try await Patches.withRepository { repository, tree in
      for _ in 0..<100 {
        let old = (0..<Int.random(in: 0...30, using: &generator)).map { _ in "line \(Int.random(in: 0...9))\n" }
          .joined()
        let new = (0..<Int.random(in: 0...30, using: &generator)).map { _ in "line \(Int.random(in: 0...9))\n" }
          .joined()
        let diff = try TextDiff.unified(old: old, new: new, path: "t.txt")
        guard old != new else {
          #expect(diff.isEmpty)
          continue
        }
        let path = try RepositoryPath("t.txt")
        let base = try await repository.makeTree(from: tree, changes: [(path, TreeFile(Array(old.utf8)))])
        let result = try await repository.apply(patch: diff, to: base)
        let file = try await repository.file(path, in: result)
        #expect(file.map { String(decoding: $0.content, as: UTF8.self) } == new)
      }
    }
  }
}
