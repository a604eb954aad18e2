package import Git
package import Platform
import Synchronization

/// The repositories that are in use, on a bounded set of threads.
///
/// Each has two instances: one for writing, which does one thing after another, and one for reading on another thread,
/// so that reads never wait for a write.
package final class RepositoryPool: Sendable {
  private struct Key: Hashable {
    let path: String
    let isWriter: Bool
  }

  private let writers: [ThreadExecutor]
  private let readers: [ThreadExecutor]
  private let open = Mutex(Open())

  /// The instances, with the number of their last use.
  private struct Open {
    var repositories: [Key: (repository: Repository, used: Int)] = [:]
    var uses = 0

    /// Lets go of the one that was not used for longest, unless it is `kept`.
    mutating func removeOldest(but kept: Key) {
      let oldest = repositories.min { $0.value.used < $1.value.used }?.key
      if let oldest, oldest != kept { repositories[oldest] = nil }
    }
  }

  /// Most instances that are kept, as long as there is memory for what they hold; what is let go of is opened again
  /// when it is asked for.
  private static let limit = 256

  /// A pool with so many threads for each of writing and reading, which write below a folder only.
  ///
  /// A program on a terminal may put links into a repository. A folder that is not there confines nothing.
  package init(threads: Int, folder: String? = nil) throws(SystemError) {
    var writers: [ThreadExecutor] = []
    var readers: [ThreadExecutor] = []
    for index in 0..<threads {
      writers.append(try ThreadExecutor(name: "git-write-\(index)", writingBelow: folder))
      readers.append(try ThreadExecutor(name: "git-read-\(index)", writingBelow: folder))
    }
    self.writers = writers
    self.readers = readers
  }

  deinit { for thread in writers + readers { thread.stop() } }

  /// The instance that writes a repository.
  package func writer(_ path: String) -> Repository { repository(Key(path: path, isWriter: true)) }

  /// The instance that reads it.
  package func reader(_ path: String) -> Repository { repository(Key(path: path, isWriter: false)) }

  /// Closes both instances, before the folder is moved or removed.
  package func forget(_ path: String) async {
    for key in [Key(path: path, isWriter: true), Key(path: path, isWriter: false)] {
      let repository = open.withLock { $0.repositories.removeValue(forKey: key)?.repository }
      await repository?.close()
    }
  }

  private func repository(_ key: Key) -> Repository {
    open.withLock { open in
      open.uses += 1
      if open.repositories.count > 1, Repository.isMemoryFull { open.removeOldest(but: key) }
      if let known = open.repositories[key]?.repository {
        open.repositories[key]?.used = open.uses
        return known
      }
      if open.repositories.count >= Self.limit { open.removeOldest(but: key) }
      let threads = key.isWriter ? writers : readers
      let thread = threads[Int(UInt(bitPattern: key.path.hashValue) % UInt(threads.count))]
      let repository = Repository(path: key.path, executor: thread)
      open.repositories[key] = (repository, open.uses)
      return repository
    }
  }
}
