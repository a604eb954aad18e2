import CPlatform
import Glibc
import Platform
import Synchronization

/// Tells which repositories' references may have changed since it was last asked, by inotify(7).
///
/// Git writes a reference beside its place and renames it there; the kernel queues the event before the rename returns,
/// so that who asks afterwards sees it. What cannot be watched is looked at each time instead.
final class ReferenceWatcher: Sendable {
  private struct State {
    var projects: [Int32: String] = [:]
    /// Those of `.git` itself, where other files stand beside the references.
    var tops: Set<Int32> = []
    var watches: [String: [Int32]] = [:]
  }

  /// What was found.
  enum Changes: Sendable, Equatable {
    case projects(Set<String>)
    /// The kernel's queue overflowed: any may have changed.
    case any
  }

  private let descriptor: Int32
  private let stop: Int32
  private let state = Mutex(State())

  /// A watcher of nothing yet; `wake` is called, on a thread of the watcher's own, when there are changes to ask for.
  init(wake: @escaping @Sendable () -> Void) {
    descriptor = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
    stop = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
    guard descriptor >= 0, stop >= 0 else { return }
    // Without a thread changes are still seen by who asks.
    try? startThread(named: "git-watch") { [descriptor, stop] in
      Self.wait(descriptor, stop, wake)
      close(descriptor)
      close(stop)
    }
  }

  /// The thread closes the descriptors: it still looks at them.
  deinit { if stop >= 0 { eventfd_write(stop, 1) } }

  /// Calls `wake` once for events that are queued, however many, until `stop` is written to.
  ///
  /// Edge-triggered, since others may read the events or leave them.
  private static func wait(_ descriptor: Int32, _ stop: Int32, _ wake: () -> Void) {
    let epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
    guard epoll >= 0 else { return }
    defer { close(epoll) }
    for watched in [descriptor, stop] {
      var event = unsafe epoll_event(events: EPOLLIN.rawValue | EPOLLET.rawValue, data: epoll_data(fd: watched))
      guard unsafe epoll_ctl(epoll, EPOLL_CTL_ADD, watched, &event) == 0 else { return }
    }
    while true {
      var event = unsafe epoll_event()
      let count = unsafe epoll_wait(epoll, &event, 1, -1)
      guard count > 0 else {
        if errno == EINTR { continue }
        return
      }
      if unsafe event.data.fd == stop { return }
      wake()
    }
  }

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
      if let top = added.first { state.tops.insert(top) }
      state.watches[project] = Array(Set((state.watches[project] ?? []) + added))
    }
    return added.count == 2
  }

  /// Ends watching a project.
  func unwatch(_ project: String) {
    let watches = state.withLock { state -> [Int32] in
      let watches = state.watches.removeValue(forKey: project) ?? []
      for watch in watches {
        state.projects[watch] = nil
        state.tops.remove(watch)
      }
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
        guard let events = unsafe Self.events(in: UnsafeRawBufferPointer(rebasing: buffer[..<count])) else {
          return .any
        }
        state.withLock { state in
          for (watch, name) in events where !name.hasSuffix(".lock") {
            if state.tops.contains(watch), Self.others.contains(name) { continue }
            if let project = state.projects[watch] { changed.insert(project) }
          }
        }
      }
    }
  }

  /// What git writes beside the references with each commit.
  private static let others: Set<String> = ["index", "COMMIT_EDITMSG", "ORIG_HEAD", "FETCH_HEAD"]

  /// The watches and file names of the events in a buffer; nil when one says that events were lost.
  private static func events(in bytes: UnsafeRawBufferPointer) -> [(watch: Int32, name: String)]? {
    var events: [(watch: Int32, name: String)] = []
    var offset = 0
    while offset + 16 <= bytes.count {
      let watch = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self)
      let mask = unsafe bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)
      if mask & UInt32(IN_Q_OVERFLOW) != 0 { return nil }
      let length = Int(unsafe bytes.loadUnaligned(fromByteOffset: offset + 12, as: UInt32.self))
      let name = unsafe bytes[min(offset + 16, bytes.count)..<min(offset + 16 + length, bytes.count)].prefix { $0 != 0 }
      events.append((watch, unsafe String(decoding: name, as: UTF8.self)))
      offset += 16 + length
    }
    return events
  }
}
