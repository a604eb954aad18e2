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

  /// A row of `Tests/Corpus/patches.json`: a diff as models write them, with what must come of it.
  struct Row: Decodable, Sendable, CustomTestStringConvertible {
    let name: String
    let patch: String
    /// The files that change, with null for those that go.
    let changes: [String: Content?]?
    /// The code of the refusal.
    let refused: String?
    /// Words of its message.
    let says: String?
    /// Why the answer is another than that of `git apply`, which takes the diff.
    let git: String?
    var testDescription: String { name }
  }

  /// A file's text, or text and mode.
  enum Content: Decodable, Sendable {
    case file(text: String, mode: String)

    private struct WithMode: Decodable {
      let text: String
      let mode: String
    }

    init(from decoder: any Decoder) throws {
      if let text = try? decoder.singleValueContainer().decode(String.self) {
        self = .file(text: text, mode: "100644")
      } else {
        let content = try WithMode(from: decoder)
        self = .file(text: content.text, mode: content.mode)
      }
    }
  }

  struct Corpus: Decodable, Sendable {
    let files: [String: Content]
    let rows: [Row]

    static let read: Corpus = {
      let path = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../Corpus/patches.json")
      do { return try JSONDecoder().decode(Corpus.self, from: Data(contentsOf: path)) } catch {
        fatalError("the corpus cannot be read: \(error)")
      }
    }()
  }

  @Test func `of the corpus give the exact tree or the exact refusal`() async throws {
    try await Self.withCorpus { repository, base, rows in
      for (row, expected) in rows {
        do {
          let tree = try await repository.apply(patch: row.patch, to: base)
          #expect(tree.hex == expected, "\(row.name): applied, wanted \(row.refused ?? "another tree")")
        } catch {
          let (code, message) = try Self.refusal(error)
          #expect(code == row.refused, "\(row.name): \(message)")
          #expect(message.contains(row.says ?? ""), "\(row.name): \(message)")
          #expect(!message.unicodeScalars.contains { $0.value < 0x20 }, "\(row.name)")
        }
      }
      #expect(rows.count >= 150)
    }
  }

  private static func refusal(_ error: any Error) throws -> (code: String, message: String) {
    if let error = error as? PatchError { return (error.code.rawValue, error.message) }
    guard let error = error as? GitError else { throw error }
    return (error.code.rawValue, error.message)
  }

  @Test func `of the corpus give git's own tree wherever git takes them, but for the reasons that are told`()
    async throws
  {
    try await Self.withCorpus { repository, base, rows in
      var script = "cd '\(repository.path)' && GIT_INDEX_FILE=../base git read-tree \(base.hex)\n"
      for (number, (row, _)) in rows.enumerated() {
        let file = repository.path + "/../\(number).patch"
        try Data(row.patch.utf8).write(to: URL(filePath: file))
        script += """
          cp ../base ../index; export GIT_INDEX_FILE=../index
          if git apply --cached '\(file)' 2>/dev/null; then git write-tree 2>/dev/null; else echo -; fi

          """
      }
      try Data(script.utf8).write(to: URL(filePath: repository.path + "/../judge"))
      let theirs = try Shell.run("bash '\(repository.path)/../judge'").output.split(separator: "\n").map(String.init)
      try #require(theirs.count == rows.count)
      for ((row, expected), tree) in zip(rows, theirs) {
        let agrees = tree == "-" || tree == expected
        #expect(agrees == (row.git == nil), "\(row.name): \(agrees ? "a needless reason" : "git makes \(tree)")")
      }
    }
  }

  /// Calls `body` with a repository, the tree of the corpus's files, and its rows with the trees that must come of them.
  private static func withCorpus(_ body: (Repository, ObjectID, [(Row, String?)]) async throws -> Void) async throws {
    try await withRepository { repository, _ in
      let corpus = Corpus.read
      let changes = [corpus.files.mapValues(Optional.some)] + corpus.rows.map { $0.changes ?? [:] }
      let trees = try Self.trees(of: changes, in: repository.path)
      try await body(
        repository, trees[0], zip(corpus.rows, trees.dropFirst()).map { ($0, $0.changes == nil ? nil : $1.hex) })
    }
  }

  /// The trees that git makes, symlinks and all: the first of all files, each of the others by changes to that one.
  private static func trees(of changes: [[String: Content?]], in path: String) throws -> [ObjectID] {
    var names = ""
    var scripts: [String] = []
    for (number, change) in changes.enumerated() {
      var script = "cp ../first ../made 2>/dev/null; {\n:\n"
      // What goes must go first: a file may take the place of a folder.
      let (gone, there) = (change.filter { $0.value == nil }, change.filter { $0.value != nil })
      for (name, content) in gone.sorted(by: { $0.key < $1.key }) + there.sorted(by: { $0.key < $1.key }) {
        guard case .file(let text, let mode) = content else {
          script += "printf '0 %040d\\t%s\\0' 0 '\(name)'\n"
          continue
        }
        let file = "\(path)/../content-\(names.utf8.count)"
        try Data(text.utf8).write(to: URL(filePath: file))
        names += file + "\n"
        script += "read -r hash <&3; printf '%s %s\\t%s\\0' \(mode) $hash '\(name)'\n"
      }
      script += "} | GIT_INDEX_FILE=../made git update-index -z --index-info; GIT_INDEX_FILE=../made git write-tree\n"
      if number == 0 { script += "cp ../made ../first\n" }
      scripts.append(script)
    }
    try Data(names.utf8).write(to: URL(filePath: path + "/../names"))
    let start = "cd '\(path)' && git hash-object -w --stdin-paths < ../names > ../hashes && exec 3< ../hashes\n"
    try Data((start + scripts.joined()).utf8).write(to: URL(filePath: path + "/../script"))
    let trees = try Shell.run("bash '\(path)/../script'").output.split(separator: "\n").compactMap {
      ObjectID(String($0))
    }
    try #require(trees.count == changes.count)
    return trees
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
