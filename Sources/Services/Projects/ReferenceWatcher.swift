import CPlatform
import Glibc
import Synchronization

/// Tells which repositories' references may have changed since it was last asked, by inotify(7).
///
/// Git writes a reference beside its place and renames it there; the kernel queues the event before the rename returns,
/// so that who asks afterwards sees it. What cannot be watched is looked at each time instead.
final class ReferenceWatcher: Sendable {
  private struct State {
    var projects: [Int32: String] = [:]
    var watches: [String: [Int32]] = [:]
  }

  /// What was found.
  enum Changes: Sendable, Equatable {
    case projects(Set<String>)
    /// The kernel's queue overflowed: any may have changed.
    case any
  }

  private let descriptor: Int32
  private let state = Mutex(State())

  init() { descriptor = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC)) }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Watches the folders in which a repository's references stand; false when the system does not allow it.
  func watch(_ project: String, repository: String, branch: String) -> Bool {
    guard descriptor >= 0 else { return false }
    let parent = branch.split(separator: "/").dropLast().map { "/\($0)" }.joined()
    let mask = UInt32(IN_MOVED_TO | IN_CREATE | IN_CLOSE_WRITE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF)
    var added: [Int32] = []
    for folder in ["\(repository)/.git", "\(repository)/.git/refs/heads\(parent)"] {
      let watch = unsafe inotify_add_watch(descriptor, folder, mask)
      guard watch >= 0 else { break }
      added.append(watch)
    }
    state.withLock { state in
      for watch in added { state.projects[watch] = project }
      state.watches[project] = Array(Set((state.watches[project] ?? []) + added))
    }
    return added.count == 2
  }

  /// Ends watching a project.
  func unwatch(_ project: String) {
    let watches = state.withLock { state -> [Int32] in
      let watches = state.watches.removeValue(forKey: project) ?? []
      for watch in watches { state.projects[watch] = nil }
      return watches
    }
    for watch in watches { inotify_rm_watch(descriptor, watch) }
  }

  /// The projects whose references may have changed since the last call.
  func changes() -> Changes {
    guard descriptor >= 0 else { return .projects([]) }
    return unsafe withUnsafeTemporaryAllocation(byteCount: 16 * 1024, alignment: 8) { buffer in
      var changed: Set<String> = []
      while true {
        let count = unsafe read(descriptor, buffer.baseAddress, buffer.count)
        guard count > 0 else { return .projects(changed) }
        guard let watches = unsafe Self.watches(in: UnsafeRawBufferPointer(rebasing: buffer[..<count])) else {
          return .any
        }
        state.withLock { state in
          for watch in watches { if let project = state.projects[watch] { changed.insert(project) } }
        }
      }
    }
  }

  /// The watches of the events in a buffer; nil when one says that events were lost.
  private static func watches(in bytes: UnsafeRawBufferPointer) -> [Int32]? {
    var watches: [Int32] = []
    var offset = 0
    while offset + 16 <= bytes.count {
      let watch = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self)
      let mask = unsafe bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)
      if mask & UInt32(IN_Q_OVERFLOW) != 0 { return nil }
      watches.append(watch)
      offset += 16 + Int(unsafe bytes.loadUnaligned(fromByteOffset: offset + 12, as: UInt32.self))
    }
    return watches
  }
}
