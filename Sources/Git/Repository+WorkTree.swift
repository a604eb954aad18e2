import CGit2
import Glibc
import Platform

extension Repository {
  /// Makes a repository with a work tree, its branch, and no commit yet.
  package func create(branch: String) throws(GitError) { try Self.create(at: path, branch: branch) }

  private static func create(at path: String, branch: String) throws(GitError) {
    var options = unsafe git_repository_init_options()
    unsafe git_repository_init_options_init(&options, UInt32(GIT_REPOSITORY_INIT_OPTIONS_VERSION))
    unsafe options.flags = GIT_REPOSITORY_INIT_MKPATH.rawValue | GIT_REPOSITORY_INIT_NO_REINIT.rawValue
    let head = unsafe strdup(branch)
    defer { unsafe free(head) }
    unsafe options.initial_head = UnsafePointer(head)
    let made = try unsafe GitHandle("make a repository at \(path)", free: git_repository_free) {
      unsafe git_repository_init_ext(&$0, path, &options)
    }
    _ = unsafe made.pointer
  }

  /// Sets a value in the repository's own configuration.
  package func configure(_ name: String, _ value: String) throws(GitError) {
    try unsafe withHandle { repository throws(GitError) in
      let configuration = try unsafe GitHandle("open the configuration", free: git_config_free) {
        unsafe git_repository_config(&$0, repository)
      }
      try git("set \(name)") { unsafe git_config_set_string(configuration.pointer, name, value) }
    }
  }

  /// Finishes a checkout that was cut short on the way from one tree to the next.
  ///
  /// Files that hold what either tree has, or the beginning of the new one, or are gone, are brought to the new tree;
  /// those that someone changed by hand stay as they are.
  package func finishCheckout(from old: ObjectID, to new: ObjectID) throws {
    var stale: [String] = []
    for file in try diff(from: old, to: new).files {
      for name in Set([file.oldPath, file.path]) {
        let known = try [old, new].map { try self.file(try RepositoryPath(name), in: $0)?.content }
        let present = Self.contents(of: path + "/" + name)
        // A file that was being written just then holds the beginning of the new one.
        let isCut = present.map { known.last??.starts(with: $0) == true } ?? true
        if known.contains(present) || isCut { stale.append(name) }
      }
    }
    try forceCheckout(of: stale, from: old)
  }

  /// Whether the index has what a tree has wherever that differs from another one: a checkout writes it last.
  package func hasFollowed(from old: ObjectID, to new: ObjectID) throws(GitError) -> Bool {
    try unsafe withHandle { repository throws(GitError) in
      let index = try unsafe GitHandle("open the index", free: git_index_free) {
        unsafe git_repository_index(&$0, repository)
      }
      try git("read the index") { unsafe git_index_read(index.pointer, 0) }
      let tree = try unsafe Self.lookUpTree(new, in: repository)
      for path in try unsafe TreeDifference(from: old.raw, to: new.raw, in: repository).paths {
        let path = path.map(CChar.init(bitPattern:)) + [0]
        var found: OpaquePointer?
        let status = unsafe git_tree_entry_bypath(&found, tree.pointer, path)
        defer { unsafe git_tree_entry_free(found) }
        let wanted = unsafe status == 0 ? git_tree_entry_id(found).map { unsafe ObjectID($0.pointee) } : nil
        let present = unsafe git_index_get_bypath(index.pointer, path, 0).map { unsafe ObjectID($0.pointee.id) }
        if present != wanted { return false }
      }
      return true
    }
  }

  /// The bytes of a file on the disk; nil when it is not there.
  private static func contents(of path: String) -> [UInt8]? {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { return nil }
    let owned = OwnedDescriptor(descriptor)
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 * 1024)
    while true {
      let count = unsafe read(owned.number, &buffer, buffer.count)
      guard count > 0 else { return bytes }
      bytes.append(contentsOf: buffer[..<count])
    }
  }

  /// Brings files and their entries in the index to the head's tree.
  ///
  /// Seen from `old`: a file that holds the new content already has an old entry in the index, which a look from the
  /// new tree would pass over.
  private func forceCheckout(of paths: [String], from old: ObjectID) throws(GitError) {
    guard !paths.isEmpty else { return }
    try unsafe withHandle { repository throws(GitError) in
      let baseline = try unsafe Self.lookUpTree(old, in: repository)
      var options = unsafe git_checkout_options()
      unsafe git_checkout_options_init(&options, UInt32(GIT_CHECKOUT_OPTIONS_VERSION))
      unsafe options.checkout_strategy =
        GIT_CHECKOUT_FORCE.rawValue | GIT_CHECKOUT_RECREATE_MISSING.rawValue
        | GIT_CHECKOUT_REMOVE_UNTRACKED.rawValue | GIT_CHECKOUT_DISABLE_PATHSPEC_MATCH.rawValue
      unsafe options.baseline = baseline.pointer
      try unsafe Self.checkOutHead(of: repository, &options, paths.map { Array($0.utf8) })
    }
  }

  /// Brings the work tree and the index to the head's tree, after the branch has moved there from `previous`.
  ///
  /// Only the files that differ between the two are looked at. Those that someone changed by hand are left as they are:
  /// git shows them as modified.
  package func followHead(from previous: ObjectID?, to tree: ObjectID? = nil) throws(GitError) {
    try unsafe withHandle { repository throws(GitError) in
      var names: [[UInt8]] = []
      if let previous, let tree {
        names = try unsafe TreeDifference(from: previous.raw, to: tree.raw, in: repository).paths
        guard !names.isEmpty else { return }
      }
      var options = unsafe git_checkout_options()
      unsafe git_checkout_options_init(&options, UInt32(GIT_CHECKOUT_OPTIONS_VERSION))
      unsafe options.checkout_strategy =
        GIT_CHECKOUT_SAFE.rawValue | GIT_CHECKOUT_RECREATE_MISSING.rawValue | GIT_CHECKOUT_ALLOW_CONFLICTS.rawValue
        | GIT_CHECKOUT_DISABLE_PATHSPEC_MATCH.rawValue
      guard let previous else {
        try git("check out the work tree") { unsafe git_checkout_head(repository, &options) }
        return
      }
      let baseline = try unsafe Self.lookUpTree(previous, in: repository)
      unsafe options.baseline = baseline.pointer
      try unsafe Self.checkOutHead(of: repository, &options, names)
    }
  }

  private static func checkOutHead(
    of repository: OpaquePointer, _ options: inout git_checkout_options, _ paths: [[UInt8]]
  ) throws(GitError) {
    let status = withStringArray(paths) { names in
      unsafe options.paths = names
      return unsafe git_checkout_head(repository, &options)
    }
    try git("check out the work tree") { status }
  }
}
