import CGit2
import Glibc

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

  /// Brings the work tree and the index to a commit's tree, after the branch has moved there from `previous`.
  ///
  /// Files that someone changed by hand are left as they are: git shows them as modified.
  package func followHead(from previous: ObjectID?) throws(GitError) {
    try unsafe withHandle { repository throws(GitError) in
      var options = unsafe git_checkout_options()
      unsafe git_checkout_options_init(&options, UInt32(GIT_CHECKOUT_OPTIONS_VERSION))
      unsafe options.checkout_strategy =
        GIT_CHECKOUT_SAFE.rawValue | GIT_CHECKOUT_RECREATE_MISSING.rawValue | GIT_CHECKOUT_ALLOW_CONFLICTS.rawValue
      guard let previous else {
        try git("check out the work tree") { unsafe git_checkout_head(repository, &options) }
        return
      }
      let baseline = try unsafe Self.lookUpTree(previous, in: repository)
      unsafe options.baseline = baseline.pointer
      try git("check out the work tree") { unsafe git_checkout_head(repository, &options) }
    }
  }
}
