import CGit2

/// Who made a commit, and when.
package struct Author: Hashable, Sendable {
  /// The name.
  package let name: String
  /// The address.
  package let email: String
  /// Seconds since 1970.
  package let seconds: Int

  /// An author at a time.
  package init(name: String, email: String, seconds: Int) {
    self.name = name
    self.email = email
    self.seconds = seconds
  }
}

/// A commit without its tree.
package struct Commit: Hashable, Sendable {
  /// Its name.
  package let id: ObjectID
  /// Its tree.
  package let tree: ObjectID
  /// The commits it follows.
  package let parents: [ObjectID]
  /// Its message.
  package let message: String
  /// Who wrote it.
  package let author: Author
}

/// A commit that has a name already and is not written yet.
package struct CommitDraft: Hashable, Sendable {
  /// Its name.
  package let id: ObjectID
  /// The object as git keeps it, without the header.
  let content: [UInt8]
}

extension Repository {
  /// The branch that is checked out and its newest commit; no commit when it has none.
  package func head() throws(GitError) -> (branch: String, commit: ObjectID?) {
    try unsafe withHandle { repository throws(GitError) in
      let reference = try unsafe GitHandle("read HEAD", free: git_reference_free) {
        unsafe git_reference_lookup(&$0, repository, "HEAD")
      }
      let target = unsafe git_reference_symbolic_target(reference.pointer).map { unsafe String(cString: $0) } ?? "HEAD"
      let branch = target.hasPrefix("refs/heads/") ? String(target.dropFirst("refs/heads/".count)) : target
      var id = git_oid()
      let status = unsafe git_reference_name_to_id(&id, repository, "HEAD")
      return (branch, status == 0 ? ObjectID(id) : nil)
    }
  }

  /// The object that a reference names; nil when there is no such reference.
  package func reference(_ name: String) throws(GitError) -> ObjectID? {
    try unsafe withHandle { repository throws(GitError) in
      var id = git_oid()
      let status = unsafe git_reference_name_to_id(&id, repository, name)
      if status == GIT_ENOTFOUND.rawValue { return nil }
      try git("read \(name)") { status }
      return ObjectID(id)
    }
  }

  /// The branches with their newest commits, by name.
  package func branches() throws(GitError) -> [(name: String, commit: ObjectID)] {
    try references("refs/heads/*").map { (String($0.name.dropFirst("refs/heads/".count)), $0.target) }
  }

  /// The references whose names fit a pattern, with what they point to, by name.
  package func references(_ pattern: String) throws(GitError) -> [(name: String, target: ObjectID)] {
    try unsafe withHandle { repository throws(GitError) in
      let iterator = try unsafe GitHandle("list the references", free: git_reference_iterator_free) {
        unsafe git_reference_iterator_glob_new(&$0, repository, pattern)
      }
      var references: [(name: String, target: ObjectID)] = []
      var name: UnsafePointer<CChar>?
      while unsafe git_reference_next_name(&name, iterator.pointer) == 0, let text = unsafe name {
        var id = git_oid()
        guard unsafe git_reference_name_to_id(&id, repository, text) == 0 else { continue }
        unsafe references.append((String(cString: text), ObjectID(id)))
      }
      return references.sorted { $0.name < $1.name }
    }
  }

  /// A commit by its full name or an unambiguous beginning of it.
  package func commit(_ name: String) throws(GitError) -> Commit {
    guard name.utf8.count >= 4, name.utf8.count <= 40, name.allSatisfy(\.isHexDigit) else {
      throw GitError(.notFound, "there is no commit '\(name.prefix(60))'")
    }
    return try unsafe withHandle { repository throws(GitError) in
      let object = try unsafe GitHandle("find commit \(name)", free: git_object_free) {
        unsafe git_revparse_single(&$0, repository, "\(name)^{commit}")
      }
      return try unsafe Self.read(object.pointer)
    }
  }

  /// The commits of a branch's history, newest first, from a commit on.
  package func log(from start: ObjectID, limit: Int) throws(GitError) -> [Commit] {
    try log(from: start, after: nil, limit: limit) ?? []
  }

  /// The commits of a branch's history behind `after`, or nil when that is not in it.
  package func log(from start: ObjectID, after last: ObjectID?, limit: Int) throws(GitError) -> [Commit]? {
    try unsafe withHandle { repository throws(GitError) -> [Commit]? in
      let walk = try unsafe GitHandle("walk the history", free: git_revwalk_free) {
        unsafe git_revwalk_new(&$0, repository)
      }
      unsafe git_revwalk_sorting(walk.pointer, GIT_SORT_TOPOLOGICAL.rawValue | GIT_SORT_TIME.rawValue)
      var id = start.raw
      try git("walk from \(start)") { unsafe git_revwalk_push(walk.pointer, &id) }
      if let last {
        repeat {
          guard unsafe git_revwalk_next(&id, walk.pointer) == 0 else { return nil }
        } while ObjectID(id) != last
      }
      var commits: [Commit] = []
      while commits.count < limit, unsafe git_revwalk_next(&id, walk.pointer) == 0 {
        let commit = try unsafe Self.lookUpCommit(id, in: repository)
        commits.append(try unsafe Self.read(commit.pointer))
      }
      return commits
    }
  }

  /// Makes a commit that no branch holds yet.
  package func makeCommit(
    tree: ObjectID, parents: [ObjectID], message: String, author: Author
  ) throws(GitError) -> ObjectID {
    let draft = try draftCommit(tree: tree, parents: parents, message: message, author: author)
    try write(draft)
    return draft.id
  }

  /// A commit that is not written yet, so that its name can be noted down meanwhile; its tree and parents are there.
  package func draftCommit(
    tree: ObjectID, parents: [ObjectID], message: String, author: Author
  ) throws(GitError) -> CommitDraft {
    try unsafe withHandle { repository throws(GitError) in
      var signature: UnsafeMutablePointer<git_signature>?
      try git("name the author") {
        unsafe git_signature_new(&signature, author.name, author.email, Int64(author.seconds), 0)
      }
      defer { unsafe git_signature_free(signature) }
      let tree = try unsafe Self.lookUpTree(tree, in: repository)
      var parentPointers: [OpaquePointer?] = unsafe []
      defer { for index in 0..<(unsafe parentPointers.count) { unsafe git_commit_free(parentPointers[index]) } }
      for parent in parents {
        var raw = parent.raw
        var pointer: OpaquePointer?
        try git("find commit \(parent)") { unsafe git_commit_lookup(&pointer, repository, &raw) }
        unsafe parentPointers.append(pointer)
      }
      var buffer = unsafe git_buf()
      defer { unsafe git_buf_dispose(&buffer) }
      let text = message.hasSuffix("\n") ? message : message + "\n"
      try git("make a commit") {
        unsafe git_commit_create_buffer(
          &buffer, repository, signature, signature, "UTF-8", text, tree.pointer, parents.count, &parentPointers)
      }
      var id = git_oid()
      try git("name a commit") { unsafe git_odb_hash(&id, buffer.ptr, buffer.size, GIT_OBJECT_COMMIT) }
      let content = unsafe Array(UnsafeRawBufferPointer(start: buffer.ptr, count: buffer.size))
      return CommitDraft(id: ObjectID(id), content: content)
    }
  }

  /// Writes a commit that was drafted.
  package func write(_ draft: CommitDraft) throws(GitError) {
    try unsafe withHandle { repository throws(GitError) in
      let objects = try unsafe GitHandle("open the objects", free: git_odb_free) {
        unsafe git_repository_odb(&$0, repository)
      }
      var id = git_oid()
      try git("write a commit") {
        unsafe git_odb_write(&id, objects.pointer, draft.content, draft.content.count, GIT_OBJECT_COMMIT)
      }
    }
  }

  /// Moves a reference from one commit to another, if it is still where it is expected to be.
  ///
  /// - Throws: `GitError.moved` when it is elsewhere by now, or exists although nil was expected.
  package func moveReference(
    _ name: String, from expected: ObjectID?, to target: ObjectID, note: String
  ) throws(GitError) {
    try unsafe withHandle { repository throws(GitError) in
      var new = target.raw
      let reference = try unsafe GitHandle("move \(name) to \(target)", free: git_reference_free) { pointer in
        guard var old = expected?.raw else {
          return unsafe git_reference_create(&pointer, repository, name, &new, 0, note)
        }
        return unsafe git_reference_create_matching(&pointer, repository, name, &new, 1, &old, note)
      }
      _ = unsafe reference.pointer
    }
  }

  /// Sets a reference, wherever it was.
  package func setReference(_ name: String, to target: ObjectID, note: String) throws(GitError) {
    try unsafe withHandle { repository throws(GitError) in
      var new = target.raw
      let reference = try unsafe GitHandle("set \(name)", free: git_reference_free) {
        unsafe git_reference_create(&$0, repository, name, &new, 1, note)
      }
      _ = unsafe reference.pointer
    }
  }

  /// Removes a reference if it is there.
  package func removeReference(_ name: String) throws(GitError) {
    try unsafe withHandle { repository throws(GitError) in
      let status = unsafe git_reference_remove(repository, name)
      if status != GIT_ENOTFOUND.rawValue { try git("remove \(name)") { status } }
    }
  }

  /// Whether a commit is another one or lies in its history.
  package func isAncestor(_ commit: ObjectID, of descendant: ObjectID) throws(GitError) -> Bool {
    guard commit != descendant else { return true }
    return try unsafe withHandle { repository throws(GitError) in
      var (ancestor, descendant) = (commit.raw, descendant.raw)
      let status = unsafe git_graph_descendant_of(repository, &descendant, &ancestor)
      return status == 1
    }
  }

  static func lookUpCommit(_ id: git_oid, in repository: OpaquePointer) throws(GitError) -> GitHandle {
    var id = id
    return try unsafe GitHandle("find a commit", free: git_commit_free) {
      unsafe git_commit_lookup(&$0, repository, &id)
    }
  }

  static func lookUpTree(_ tree: ObjectID, in repository: OpaquePointer) throws(GitError) -> GitHandle {
    var id = tree.raw
    return try unsafe GitHandle("find tree \(tree)", free: git_tree_free) {
      unsafe git_tree_lookup(&$0, repository, &id)
    }
  }

  private static func read(_ commit: OpaquePointer) throws(GitError) -> Commit {
    guard let id = unsafe git_commit_id(commit)?.pointee, let tree = unsafe git_commit_tree_id(commit)?.pointee,
      let author = unsafe git_commit_author(commit)?.pointee
    else { throw GitError(.failed, "a commit cannot be read") }
    var parents: [ObjectID] = []
    for index in 0..<(unsafe git_commit_parentcount(commit)) {
      if let parent = unsafe git_commit_parent_id(commit, index)?.pointee { parents.append(ObjectID(parent)) }
    }
    let message = unsafe git_commit_message(commit).map { unsafe String(cString: $0) } ?? ""
    return unsafe Commit(
      id: ObjectID(id), tree: ObjectID(tree), parents: parents, message: message,
      author: Author(
        name: String(cString: author.name), email: String(cString: author.email), seconds: Int(author.when.time)))
  }
}
