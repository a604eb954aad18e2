import CPlatform
import Glibc
import Platform
import Synchronization

/// A sandbox whose program has just been executed, with our ends of its pipes; to be handed to one owner.
struct StartedSandbox: Sendable {
  let child: cplatform_sandboxed
  /// Its standard input, which we write to.
  let input: Int32
  /// Its standard output and error, which we read; the second is -1 when it is dropped.
  let output: Int32
  let errors: Int32
  /// Since when its time runs, nanoseconds of the monotonic clock.
  var begun = MonotonicClock.nanoseconds
  /// Whether it was started before there was work for it.
  var hasWaited = false
  /// The work folder on the host, where there is no private root; whoever finishes the run removes it.
  let folder: String?

  init(_ policy: SandboxPolicy, features: SandboxFeatures) throws(SandboxError) {
    func pipe() throws(SandboxError) -> (read: Int32, write: Int32) {
      do { return try OwnedDescriptor.pipe() } catch { throw SandboxError(.notStarted, error.description) }
    }
    var ends = try pipe()
    let theirInput = OwnedDescriptor(ends.read)
    let input = OwnedDescriptor(ends.write)
    ends = try pipe()
    let output = OwnedDescriptor(ends.read)
    let theirOutput = OwnedDescriptor(ends.write)
    if policy.dropsErrors {
      ends = (-1, unsafe open("/dev/null", O_WRONLY | O_CLOEXEC))
    } else {
      ends = try pipe()
    }
    let errors = OwnedDescriptor(ends.read)
    let theirErrors = OwnedDescriptor(ends.write)
    folder = try Self.workFolder(for: policy, features)
    do {
      var policy = policy
      policy.workFolder = policy.workFolder ?? folder
      child = try Self.spawn(
        policy, features, isTemporary: folder != nil, (theirInput.number, theirOutput.number, theirErrors.number))
    } catch {
      if let folder { Self.remove(folder) }
      throw error
    }
    input.setNonBlocking()
    output.setNonBlocking()
    errors.setNonBlocking()
    self.input = input.release()
    self.output = output.release()
    self.errors = errors.release()
  }

  /// Gives it so much time from now on; false when it cannot be told.
  func limitTime(_ time: Duration) -> Bool {
    var child = child
    return unsafe cplatform_sandbox_limit_time(&child, UInt32(clamping: max(1, time.milliseconds))) == 0
  }

  /// Whether it may still read its input: a pipe without a reader is an error at once (poll(2)).
  var isListening: Bool {
    var entry = pollfd(fd: input, events: 0, revents: 0)
    return unsafe poll(&entry, 1, 0) == 0
  }

  /// Asks for its end; nobody wants to know how it comes.
  func abandon() {
    var child = child
    for descriptor in [input, output, errors] { close(descriptor) }
    unsafe cplatform_sandbox_end(&child)
  }

  /// Reaps one that was abandoned; blocks until its end has come, for some seconds at the most.
  ///
  /// One that cannot end then, as in a file system that does not answer, is left to the daemon's own end.
  func reap() {
    var entry = pollfd(fd: child.pidfd, events: Int16(POLLIN), revents: 0)
    guard unsafe poll(&entry, 1, 5000) == 1 else { return }
    var (child, result) = (child, cplatform_sandbox_result())
    unsafe cplatform_sandbox_finish(&child, &result)
    if let folder { Self.remove(folder) }
  }

  /// Executes a program on these streams, or on a terminal of its own.
  static func spawn(
    _ policy: SandboxPolicy, _ features: SandboxFeatures, isTemporary: Bool = false, _ stdio: (Int32, Int32, Int32),
    terminal: TerminalSize? = nil
  ) throws(SandboxError) -> cplatform_sandboxed {
    let arena = CArena()
    let files = unsafe policy.files.map { file in
      unsafe cplatform_sandbox_file(
        path: arena.string(file.path), mode: file.mode, bytes: arena.bytes(file.content),
        count: UInt64(file.content.count))
    }
    let binds = unsafe policy.binds.map { bind in
      unsafe cplatform_sandbox_bind(
        source: arena.string(bind.source), target: arena.string(bind.target), writable: bind.isWritable ? 1 : 0,
        optional: 0)
    }
    let limits = [
      cplatform_limit(resource: Int32(RLIMIT_FSIZE.rawValue), value: UInt64(policy.fileBytes)),
      // So that a program which asks for too much is refused it, and can say so, before all of it is ended.
      cplatform_limit(resource: Int32(RLIMIT_DATA.rawValue), value: UInt64(policy.memoryBytes)),
      cplatform_limit(resource: Int32(RLIMIT_NOFILE.rawValue), value: UInt64(policy.descriptors)),
      // Its tables of pages, which the supervisor sees only when it looks, stay below half a gigabyte.
      cplatform_limit(resource: Int32(RLIMIT_AS.rawValue), value: 240 << 30),
    ]
    var how = unsafe cplatform_sandbox()
    unsafe how.features = used(policy, features).rawValue
    unsafe how.path = UnsafePointer(arena.string(policy.path))
    unsafe how.argv = UnsafePointer(arena.strings([policy.path] + policy.arguments))
    unsafe how.envp = UnsafePointer(arena.strings(environment(policy)))
    unsafe how.stdio = stdio
    unsafe how.uid = user(features)
    unsafe how.work_bytes = UInt64(policy.workBytes)
    unsafe how.work_files = UInt64(policy.workFiles)
    if let folder = policy.workFolder { unsafe how.work_folder = UnsafePointer(arena.string(folder)) }
    unsafe how.work_is_temporary = isTemporary ? 1 : 0
    unsafe how.memory_bytes = UInt64(policy.memoryBytes)
    unsafe how.processes = UInt32(policy.processes)
    if let time = policy.processorTime { unsafe how.cpu_seconds = UInt32(clamping: max(1, time.components.seconds)) }
    if let wall = policy.wallTime { unsafe how.wall_milliseconds = UInt32(clamping: max(1, wall.milliseconds)) }
    unsafe how.network = policy.hasNetwork ? 1 : 0
    if let terminal {
      unsafe how.terminal = 1
      unsafe (how.columns, how.rows) = (terminal.columns, terminal.rows)
    }
    var child = cplatform_sandboxed()
    var step: Int32 = 0
    let code = unsafe files.withUnsafeBufferPointer { files in
      unsafe binds.withUnsafeBufferPointer { binds in
        unsafe limits.withUnsafeBufferPointer { limits in
          unsafe how.files = files.baseAddress
          unsafe how.file_count = Int32(files.count)
          unsafe how.binds = binds.baseAddress
          unsafe how.bind_count = Int32(binds.count)
          unsafe how.limits = limits.baseAddress
          unsafe how.limit_count = Int32(limits.count)
          return unsafe cplatform_sandbox_spawn(&how, &child, &step)
        }
      }
    }
    guard code == 0 else { throw SandboxError(path: policy.path, step: step, error: code) }
    return child
  }

  /// The features without those that the policy cannot use.
  private static func used(_ policy: SandboxPolicy, _ features: SandboxFeatures) -> SandboxFeatures {
    var features = features
    if policy.hasNetwork { features.remove(.networkNamespace) }
    if policy.readsOwnFiles, !features.contains(.privateRoot) { features.remove(.unprivilegedUser) }
    return features
  }

  /// A folder of its own on the host for a program that has no private root.
  private static func workFolder(
    for policy: SandboxPolicy, _ features: SandboxFeatures
  ) throws(SandboxError) -> String? {
    guard !features.contains(.privateRoot), policy.workFolder == nil else { return nil }
    var path = [CChar](repeating: 0, count: 4096)
    let code = unsafe cplatform_make_temporary_folder(&path)
    guard code == 0 else {
      let reason = unsafe strerror(code).map { unsafe String(cString: $0).lowercased() } ?? "error \(code)"
      throw SandboxError(
        .notStarted, "cannot make a work folder in /tmp, /var/tmp or /dev/shm: \(reason); set TMPDIR to a folder")
    }
    return String(decoding: path.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Removes a work folder of the host with all that was left in it.
  static func remove(_ folder: String) { _ = unsafe cplatform_remove_folder(folder) }

  /// Without a namespace a user of its own is what tells a program's processes from others.
  private static func user(_ features: SandboxFeatures) -> uid_t {
    features.contains(.processNamespace)
      ? 0
      : 200_000
        + users.withLock { user in
          user = (user + 1) % 50_000
          return user
        }
  }

  // Two daemons on one machine must not end each other's programs by the number of their user.
  private static let users = Mutex(uid_t.random(in: 0..<50_000))

  private static func environment(_ policy: SandboxPolicy) -> [String] {
    let home = policy.workFolder ?? SandboxPolicy.workFolder
    let usual = [
      "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": home, "TMPDIR": policy.workFolder ?? "/tmp", "LANG": "C.UTF-8",
      "LC_ALL": "C.UTF-8",
    ]
    return usual.merging(policy.environment) { $1 }.map { "\($0.key)=\($0.value)" }.sorted()
  }
}

extension Duration {
  var milliseconds: Int { Int(components.seconds) * 1000 + Int(components.attoseconds / 1_000_000_000_000_000) }
}
