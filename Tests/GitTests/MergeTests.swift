import Foundation
import Git
import Platform
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct `Merges` {
  private typealias Files = [String: TreeFile]

  private static let base: Files = Dictionary(
    uniqueKeysWithValues: ["a.py", "b.py", "x/c.py", "x/d.py", "x/y/e.py", "z/f.py"].map { path in
      (path, TreeFile(Array((0..<12).map { "\(path) line \($0)\n" }.joined().utf8)))
    })

  /// One to three random changes: lines, files that come, go, move or change their mode.
  private static func changed(_ files: Files, _ generator: inout SeededGenerator) -> Files {
    var files = files
    for _ in 0..<Int.random(in: 1...3, using: &generator) {
      guard let path = files.keys.sorted().randomElement(using: &generator), let file = files[path] else { return base }
      func free(_ name: String) -> String? {
        let isTaken = files.keys.contains { $0 == name || $0.hasPrefix(name + "/") || name.hasPrefix($0 + "/") }
        return isTaken ? nil : name
      }
      switch Int.random(in: 0..<10, using: &generator) {
      case 0: files[path] = nil
      case 1: files[path]?.mode = .executable
      case 2:
        let names = ["new.py", "x/new.py", "q/n.py", "x", "a.py/k.py"]
        guard let name = names.randomElement(using: &generator).flatMap(free) else { continue }
        files[name] = TreeFile(Array(Bool.random(using: &generator) ? "new\n".utf8 : "other\n".utf8))
      case 3:
        let names = ["r1.py", "x/r2.py", "w/r3.py"]
        guard let name = names.randomElement(using: &generator).flatMap(free) else { continue }
        files[path] = nil
        files[name] = file
      default:
        var lines = String(decoding: file.content, as: UTF8.self).split(separator: "\n").map { $0 + "\n" }
        guard let index = lines.indices.randomElement(using: &generator) else { continue }
        lines[index] = Bool.random(using: &generator) ? "changed \(Int.random(in: 0...1, using: &generator))\n" : ""
        files[path]?.content = Array(lines.joined().utf8)
      }
    }
    return files.isEmpty ? base : files
  }

  private static func tree(_ files: Files, in repository: Repository) async throws -> ObjectID {
    let changes = try files.sorted { $0.key < $1.key }.map { (path: try RepositoryPath($0), file: Optional($1)) }
    return try await repository.makeTree(from: nil, changes: changes)
  }

  @Test func `of random changes are those of git, and so are the labels`() async throws {
    try await Patches.withRepository { repository, _ in
      var generator = SeededGenerator(seed: 11)
      let base = try await Self.tree(Self.base, in: repository)
      var sides: [(ours: ObjectID, theirs: ObjectID)] = []
      for number in 0..<150 {
        let theirs = Self.changed(Self.base, &generator)
        // Some have what the others want, and more.
        let ours = Self.changed(number % 5 == 0 ? theirs : Self.base, &generator)
        sides.append((try await Self.tree(ours, in: repository), try await Self.tree(theirs, in: repository)))
      }
      let judged = try Self.judge(base, sides, in: repository.path)
      var counts = [0, 0, 0]
      for (number, side) in sides.enumerated() {
        let fit = try await repository.fit(base: base, ours: side.ours, theirs: side.theirs)
        let merge = try await repository.merge(base: base, ours: side.ours, theirs: side.theirs)
        switch merge {
        case .clean(let tree):
          #expect(judged[number] == tree.hex, "\(number)")
          #expect(fit == (tree == side.ours ? .applied : .clean), "\(number)")
          counts[tree == side.ours ? 1 : 0] += 1
        case .conflicting(let paths):
          #expect(judged[number] == "conflict" && fit == .conflicting(paths), "\(number)")
          let places = try await repository.conflicts(base: base, ours: side.ours, theirs: side.theirs)
          #expect(!places.isEmpty && Set(places.map(\.path)).isSubset(of: paths), "\(number)")
          counts[2] += 1
        }
      }
      #expect(counts.allSatisfy { $0 > 5 }, "\(counts)")
    }
  }

  /// What `git merge-tree` makes of each pair: a tree, or `conflict`.
  private static func judge(
    _ base: ObjectID, _ sides: [(ours: ObjectID, theirs: ObjectID)], in path: String
  ) throws -> [String] {
    var script = """
      cd '\(path)'; export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
      base=$(git commit-tree -m base \(base.hex))
      judge() {
        ours=$(git commit-tree -m ours -p $base $1); theirs=$(git commit-tree -m theirs -p $base $2)
        git -c merge.directoryRenames=false merge-tree --write-tree --no-messages $ours $theirs > ../merged \\
          && head -1 ../merged || echo conflict
      }

      """
    for side in sides { script += "judge \(side.ours.hex) \(side.theirs.hex)\n" }
    try Data(script.utf8).write(to: URL(filePath: path + "/../judge"))
    let answers = try Shell.run("bash '\(path)/../judge'").output.split(separator: "\n").map(String.init)
    try #require(answers.count == sides.count)
    return answers
  }

  @Test func `name each place that does not fit, by the lines of all three`() async throws {
    try await Patches.withRepository { repository, _ in
      func tree(_ text: String) async throws -> ObjectID {
        try await Self.tree(["f": TreeFile(Array(text.utf8))], in: repository)
      }
      let base = try await tree("a\nb\nc\nd\ne\nf\ng\n")
      let ours = try await tree("0\na\nB\nc\nd\ne\nF1\nF2\ng\n")
      let theirs = try await tree("a\nbb\nc\nd\ne\ng\nh\n")
      let places = try await repository.conflicts(base: base, ours: ours, theirs: theirs)
      func side(_ start: Int, _ count: Int, _ text: String) -> [String] { ["\(start)", "\(count)", text] }
      let found = places.map { place in
        [place.base, place.ours, place.theirs].map { $0.map { side($0.start, $0.count, $0.text) } }
      }
      #expect(
        found == [
          [side(2, 1, "b\n"), side(3, 1, "B\n"), side(2, 1, "bb\n")],
          [side(6, 1, "f\n"), side(7, 2, "F1\nF2\n"), side(6, 0, "")],
        ])
      #expect(places.allSatisfy { $0.path == "f" && $0.kind == .content })
    }
  }
}
