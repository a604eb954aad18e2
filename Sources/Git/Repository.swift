import CGit2
import Glibc
package import Platform

/// One git repository with a work tree, through libgit2, on a thread that may wait.
///
/// An actor: what it does to the repository it does one after another. Reading needs no write lock, so that a second
/// instance on another thread reads while this one writes. Commits are made in memory from trees; the work tree only
/// follows the branch.
package actor Repository {
  /// The thread that calls libgit2.
  package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }
  private nonisolated let executor: ThreadExecutor
  /// The path of the work tree.
  package nonisolated let path: String
  // Opened when it is first used; only touched on the executor's thread.
  private var handle: GitHandle?

  /// A repository at a path, which need not exist yet.
  package init(path: String, executor: ThreadExecutor) {
    self.path = path
    self.executor = executor
    GitLibrary.start()
  }

  /// Whether so much of all repositories is in memory that some should be closed: what is kept of one that nobody uses
  /// any longer, libgit2 does not let go of by itself.
  package static var isMemoryFull: Bool {
    var (current, allowed) = (0, 0)
    return unsafe cgit2_cached_memory(&current, &allowed) == 0 && current > GitLibrary.mostCached / 4 * 3
  }

  /// How long what libgit2 does takes, in all repositories.
  package static let times = Histogram()

  /// Closes the files that libgit2 keeps open, before the folder is moved or removed.
  package func close() { handle = nil }

  /// Calls `body` with the open repository.
  ///
  /// - Throws: `GitError.notFound` when there is no repository at the path.
  func withHandle<T>(_ body: (OpaquePointer) throws(GitError) -> T) throws(GitError) -> T {
    if handle == nil {
      handle = try unsafe GitHandle("open the repository at \(path)", free: git_repository_free) {
        unsafe git_repository_open_ext(&$0, path, GIT_REPOSITORY_OPEN_NO_SEARCH.rawValue, nil)
      }
      try checkPlace()
    }
    guard let pointer = unsafe handle?.pointer else { throw GitError(.failed, "the repository is closed") }
    return try Self.times.time { () throws(GitError) -> T in try unsafe body(pointer) }
  }
}

extension Repository {
  /// Refuses a repository whose settings lead elsewhere: a program on a terminal can write them (core.worktree,
  /// commondir, alternates), and must not reach what is not its project's by us.
  private func checkPlace() throws(GitError) {
    guard let pointer = unsafe handle?.pointer else { return }
    let workTree = unsafe git_repository_workdir(pointer).map { unsafe String(cString: $0) }
    let common = unsafe git_repository_commondir(pointer).map { unsafe String(cString: $0) }
    guard Self.isSame(workTree, path), Self.isSame(common, path + "/.git"),
      unsafe access(path + "/.git/objects/info/alternates", F_OK) != 0
    else {
      handle = nil
      throw GitError(.failed, "the repository at \(path) must hold itself, and its settings lead elsewhere")
    }
  }

  /// Whether two paths lead to the same folder, the second not by a link.
  private static func isSame(_ one: String?, _ other: String) -> Bool {
    var (first, second) = (stat(), stat())
    guard let one, unsafe stat(one, &first) == 0, unsafe lstat(other, &second) == 0 else { return false }
    return first.st_ino == second.st_ino && first.st_dev == second.st_dev
  }
}

/// Starts libgit2 once for the process.
enum GitLibrary {
  /// The largest file or folder, in bytes, that is kept in memory once it is read.
  private static let largestCached = 64 * 1024
  /// Above so many bytes of all repositories together libgit2 lets go of something of a repository before it keeps more
  /// of that one.
  static let mostCached = 64 * 1024 * 1024

  private static let started: Bool = {
    git_libgit2_init()
    // A commit reads the same few files again for each diff that waits; libgit2 by itself keeps no files at all.
    for kind in [GIT_OBJECT_BLOB, GIT_OBJECT_TREE] { cgit2_cache_objects(kind, largestCached) }
    cgit2_limit_cache(mostCached)
    return true
  }()

  /// Must have been called before anything else of libgit2.
  static func start() { _ = started }
}
