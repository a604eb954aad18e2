import Foundation
import Git
import Platform
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct `Patches` {
  static let files = [
    "a.py": "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\n", "crlf.txt": "one\r\ntwo\r\nthree\r\n",
    "bare.txt": "one\ntwo", "dir/b c.txt": "x\n", "é.txt": "ü\n", "twice.txt": "m\nx\nn\nm\nx\nn\nm\nx\nn\n",
    "empty.txt": "",
  ]

  /// A patch and the files that must come of it; nil for a file that must be gone.
  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let patch: String
    let changes: [String: String?]

    init(_ name: String, _ patch: String, _ changes: [String: String?]) {
      testDescription = name
      self.patch = patch
      self.changes = changes
    }
  }

  private static let two = "one\n2\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\n"
  private static let hunk = "@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n"
  private static let header = "--- a/a.py\n+++ b/a.py\n"

  static let fitting = [
    Case("git's own form", "diff --git a/a.py b/a.py\nindex 1..2 100644\n" + header + hunk, ["a.py": two]),
    Case("no diff line", header + hunk, ["a.py": two]),
    Case("no prefixes", "--- a.py\n+++ a.py\n" + hunk, ["a.py": two]),
    Case("no final newline", header + hunk.dropLast(), ["a.py": two]),
    Case("wrong counts", header + "@@ -1,9 +1,17 @@\n one\n-two\n+2\n three\n", ["a.py": two]),
    Case("counts too low", header + "@@ -1,1 +1,1 @@\n one\n-two\n+2\n three\n", ["a.py": two]),
    Case("no numbers", header + "@@ @@\n one\n-two\n+2\n three\n", ["a.py": two]),
    Case("line off by many", header + "@@ -400,3 +400,3 @@\n one\n-two\n+2\n three\n", ["a.py": two]),
    Case("prose around", "Here it is:\n\n" + header + hunk + "\nHope this helps!\n", ["a.py": two]),
    Case("code fence", "```diff\n" + header + hunk + "```\n", ["a.py": two]),
    Case("CR LF patch", (header + hunk).replacing("\n", with: "\r\n"), ["a.py": two]),
    Case("time stamps", "--- a/a.py\t2026-01-01 00:00:00\n+++ b/a.py\t2026-01-01 00:00:01\n" + hunk, ["a.py": two]),
    Case(
      "CR LF file", "--- a/crlf.txt\n+++ b/crlf.txt\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n",
      ["crlf.txt": "one\r\n2\r\nthree\r\n"]),
    Case(
      "unterminated file",
      "--- a/bare.txt\n+++ b/bare.txt\n@@ -1,2 +1,2 @@\n one\n-two\n\\ No newline at end of file\n+2\n\\ No newline at end of file\n",
      ["bare.txt": "one\n2"]),
    Case(
      "text behind an unterminated line", "--- a/bare.txt\n+++ b/bare.txt\n@@ -1,2 +1,3 @@\n one\n two\n+three\n",
      ["bare.txt": "one\ntwo\nthree\n"]),
    Case(
      "two hunks", header + "@@ -1,2 +1,2 @@\n-one\n+1\n two\n@@ -9,2 +9,2 @@\n nine\n-ten\n+10\n",
      ["a.py": "1\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\n10\n"]),
    Case("new file", "--- /dev/null\n+++ b/new/x.py\n@@ -0,0 +1,2 @@\n+a\n+b\n", ["new/x.py": "a\nb\n"]),
    Case("new empty file", "diff --git a/e b/e\nnew file mode 100644\nindex 0000000..e69de29\n", ["e": ""]),
    Case("into an empty file", "--- a/empty.txt\n+++ b/empty.txt\n@@ -0,0 +1 @@\n+a\n", ["empty.txt": "a\n"]),
    Case(
      "deleted file",
      "diff --git a/é.txt b/é.txt\ndeleted file mode 100644\n--- a/é.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-ü\n",
      ["é.txt": nil]),
    Case(
      "rename", "diff --git a/a.py b/z.py\nsimilarity index 100%\nrename from a.py\nrename to z.py\n",
      ["a.py": nil, "z.py": files["a.py"] ?? ""]),
    Case(
      "rename with a hunk",
      "diff --git a/a.py b/z.py\nrename from a.py\nrename to z.py\n--- a/a.py\n+++ b/z.py\n" + hunk,
      ["a.py": nil, "z.py": two]),
    Case("spaces in a path", "--- a/dir/b c.txt\n+++ b/dir/b c.txt\n@@ -1 +1 @@\n-x\n+y\n", ["dir/b c.txt": "y\n"]),
    Case("quoted path", "--- \"a/\\303\\251.txt\"\n+++ \"b/\\303\\251.txt\"\n@@ -1 +1 @@\n-ü\n+u\n", ["é.txt": "u\n"]),
    Case("blank context without its space", "--- /dev/null\n+++ b/n\n@@ -0,0 +1,3 @@\n+a\n+\n+b\n", ["n": "a\n\nb\n"]),
    Case(
      "nearest of several places", "--- a/twice.txt\n+++ b/twice.txt\n@@ -5,3 +5,3 @@\n m\n-x\n+y\n n\n",
      ["twice.txt": "m\nx\nn\nm\ny\nn\nm\nx\nn\n"]),
    Case(
      "wrong outer context", header + "@@ -1,5 +1,5 @@\n ONE\n two\n-three\n+3\n four\n FIVE\n",
      ["a.py": "one\ntwo\n3\nfour\nfive\nsix\nseven\neight\nnine\nten\n"]),
    Case(
      "several files", header + hunk + "--- a/é.txt\n+++ b/é.txt\n@@ -1 +1 @@\n-ü\n+u\n", ["a.py": two, "é.txt": "u\n"]),
    Case(
      "one file twice", header + hunk + header + "@@ -10 +10 @@\n-ten\n+10\n",
      ["a.py": two.replacing("ten", with: "10")]),
    Case(
      "a deleted line that looks like a header", "--- /dev/null\n+++ b/q\n@@ -0,0 +1,2 @@\n+-- x\n+++ y\n",
      ["q": "-- x\n++ y\n"]),
  ]

  @Test(arguments: fitting) func `that models write are applied`(test: Case) async throws {
    try await Self.withRepository { repository, tree in
      let result = try await repository.apply(patch: test.patch, to: tree)
      for (path, wanted) in Self.files.mapValues({ Optional($0) }).merging(test.changes, uniquingKeysWith: { $1 }) {
        let file = try await repository.file(try RepositoryPath(path), in: result)
        let text = file.map { String(decoding: $0.content, as: UTF8.self) }
        #expect(text == wanted, "\(path)")
      }
    }
  }

  static let refused: [(name: String, patch: String, code: PatchError.Code)] = [
    ("outside", "--- /dev/null\n+++ b/../x\n@@ -0,0 +1 @@\n+x\n", .badPath),
    ("absolute", "--- /dev/null\n+++ /etc/x\n@@ -0,0 +1 @@\n+x\n", .badPath),
    ("git folder", "--- /dev/null\n+++ b/.git/config\n@@ -0,0 +1 @@\n+x\n", .badPath),
    ("git folder in capitals", "--- /dev/null\n+++ b/sub/.GIT/config\n@@ -0,0 +1 @@\n+x\n", .badPath),
    ("git folder's short name", "--- /dev/null\n+++ b/GIT~1/config\n@@ -0,0 +1 @@\n+x\n", .badPath),
    (
      "git folder with an invisible character", "--- /dev/null\n+++ b/.g\u{200C}it/config\n@@ -0,0 +1 @@\n+x\n",
      .badPath
    ),
    ("dot segments", "--- /dev/null\n+++ b/x/../../y\n@@ -0,0 +1 @@\n+x\n", .badPath),
    ("empty segment", "--- /dev/null\n+++ b/x//y\n@@ -0,0 +1 @@\n+x\n", .badPath),
    ("backslash", "--- /dev/null\n+++ b/..\\x\n@@ -0,0 +1 @@\n+x\n", .badPath),
    ("long", "--- /dev/null\n+++ b/\(String(repeating: "x", count: 2000))\n@@ -0,0 +1 @@\n+x\n", .badPath),
    ("rename to outside", "diff --git a/a.py b/a.py\nrename from a.py\nrename to ../a.py\n", .badPath),
    ("below a file", "--- /dev/null\n+++ b/a.py/x\n@@ -0,0 +1 @@\n+x\n", .badPath),
    (
      "symlink", "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc/passwd\n",
      .badMode
    ),
    (
      "submodule",
      "diff --git a/s b/s\nnew file mode 160000\n--- /dev/null\n+++ b/s\n@@ -0,0 +1 @@\n+Subproject commit 1\n",
      .badMode
    ),
    ("binary", "diff --git a/a.py b/a.py\nGIT binary patch\nliteral 1\n", .unsupported),
    ("new over existing", "--- /dev/null\n+++ b/a.py\n@@ -0,0 +1 @@\n+x\n", .fileExists),
    ("rename over existing", "diff --git a/a.py b/é.txt\nrename from a.py\nrename to é.txt\n", .fileExists),
    ("missing file", "--- a/no.py\n+++ b/no.py\n@@ -1 +1 @@\n-x\n+y\n", .missingFile),
    ("wrong context", header + "@@ -1,3 +1,3 @@\n one\n-zwei\n+2\n three\n", .mismatch),
    ("deleted with other content", "--- a/é.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-ä\n", .mismatch),
    ("deleted in part", "--- a/a.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-one\n", .mismatch),
    ("overlapping hunks", header + hunk + "@@ -2,2 +2,2 @@\n-two\n+zwei\n three\n", .mismatch),
    ("nonsense", "I would change line two to 2.", .malformed), ("empty", "", .malformed),
    ("hunk without a file", hunk, .malformed), ("empty hunk", header + "@@ -1,3 +1,3 @@\n", .malformed),
  ]

  @Test(arguments: refused)
  func `that do harm or do not fit are refused`(name: String, patch: String, code: PatchError.Code) async throws {
    try await Self.withRepository { repository, tree in
      let error = await #expect(throws: PatchError.self, "\(name)") {
        try await repository.apply(patch: patch, to: tree)
      }
      #expect(error?.code == code, "\(name): \(error?.message ?? "")")
    }
  }

  @Test func `give git's own tree wherever git takes them`() async throws {
    try await Self.withRepository { repository, tree in
      for test in Self.fitting {
        let ours = try await repository.apply(patch: test.patch, to: tree)
        guard let theirs = try Self.gitTree(of: test.patch, on: tree, in: repository.path) else { continue }
        #expect(ours.hex == theirs, "\(test.testDescription)")
      }
    }
  }

  /// The tree that `git apply --cached` makes, nil when git refuses the patch.
  private static func gitTree(of patch: String, on tree: ObjectID, in path: String) throws -> String? {
    let file = path + "/../patch-\(UUID().uuidString)"
    try patch.write(toFile: file, atomically: true, encoding: .utf8)
    let script = """
      export GIT_INDEX_FILE='\(file).index'; cd '\(path)' && git read-tree \(tree.hex) \
      && git apply --cached '\(file)' 2>/dev/null && git write-tree
      """
    let result = try Shell.run(script)
    return result.status == 0 ? result.output.trimmingCharacters(in: .whitespacesAndNewlines) : nil
  }

  static func withRepository(_ body: (Repository, ObjectID) async throws -> Void) async throws {
    try await withTemporaryFolder { folder in
      let thread = try ThreadExecutor(name: "git")
      let repository = Repository(path: folder.appending(path: "repository").path, executor: thread)
      try await repository.create(branch: "main")
      let changes = try files.sorted { $0.key < $1.key }.map {
        (path: try RepositoryPath($0.key), file: Optional(TreeFile(Array($0.value.utf8))))
      }
      try await body(repository, try await repository.makeTree(from: nil, changes: changes))
      thread.stop()
    }
  }
}
