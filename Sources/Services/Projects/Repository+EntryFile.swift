import Git

/// Steps that follow each other in one visit: each visit to a repository's thread costs more than most of them.
extension Repository {
  /// The path of a tree's entry file: `agents.py`, else `main.py`, else the first `.py`.
  ///
  /// What is too large to be source code is passed over.
  func entryPath(in tree: ObjectID) throws(GitError) -> String? {
    let limit = 4 << 20
    // The names that are likely are looked for by themselves, since a list of all costs as much as there are.
    for name in EntryFile.names where try isFile(name, in: tree, upTo: limit) { return name }
    let files = try entries(of: tree).filter { $0.kind == .file && ($0.size ?? 0) <= limit }
    return EntryFile.choose(from: files.map(\.path).filter { (try? RepositoryPath($0)) != nil })
  }

  /// A tree's entry file with its text.
  func entryFile(in tree: ObjectID) throws(GitError) -> (path: String, text: String)? {
    guard let path = try entryPath(in: tree) else { return nil }
    guard let file = try file(try RepositoryPath(path), in: tree) else { return nil }
    return (path, String(decoding: file.content, as: UTF8.self))
  }

  /// The entry file of a commit with its text.
  func entryFile(of commit: ObjectID) throws(GitError) -> (path: String, text: String)? {
    try entryFile(in: try tree(of: commit))
  }

  /// The text of the entry file of a commit.
  func code(of commit: ObjectID) throws(GitError) -> String? { try entryFile(of: commit)?.text }

  /// The branch, its newest commit and the text of that one's entry file.
  func state() throws(GitError) -> (branch: String, commit: ObjectID?, code: String?) {
    let head = try head()
    guard let commit = head.commit else { return (head.branch, nil, nil) }
    return (head.branch, commit, try code(of: commit))
  }

  /// Brings the work tree from one commit to another that has become the head.
  func follow(_ commit: ObjectID, from base: ObjectID?) throws(GitError) {
    guard let base else { return }
    try followHead(from: try tree(of: base), to: try tree(of: commit))
  }
}
