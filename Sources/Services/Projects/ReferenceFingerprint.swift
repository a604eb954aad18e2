import Glibc

/// Whether the branch of a repository may have moved, told by what stat(2) says of the files that git replaces when it
/// moves one: `HEAD`, and the branch's own file or, when it has none, `packed-refs`.
///
/// Git writes each anew and renames it into place, so that a change shows in the inode, the time or the size.
struct ReferenceFingerprint: Hashable, Sendable {
  private struct FileState: Hashable, Sendable {
    var inode: UInt64 = 0
    var size = 0
    var seconds = 0
    var nanoseconds = 0

    init?(_ path: String) {
      var status = stat()
      guard unsafe stat(path, &status) == 0 else { return nil }
      inode = UInt64(status.st_ino)
      size = status.st_size
      seconds = status.st_mtim.tv_sec
      nanoseconds = status.st_mtim.tv_nsec
    }
  }

  private let head: FileState?
  private let branch: FileState?

  /// The state of a repository's references now.
  init(paths: Paths) {
    head = FileState(paths.head)
    branch = FileState(paths.branch) ?? FileState(paths.packed)
  }

  /// The files to look at, made once a project.
  struct Paths: Sendable {
    let head: String
    let branch: String
    let packed: String

    init(repository: String, branch: String) {
      head = "\(repository)/.git/HEAD"
      self.branch = "\(repository)/.git/refs/heads/\(branch)"
      packed = "\(repository)/.git/packed-refs"
    }
  }
}
