/// A program that nobody trusts, and what it may do and use.
package struct SandboxPolicy: Equatable, Sendable {
  /// A file to be put into the work folder.
  package struct File: Equatable, Sendable {
    /// Relative to the work folder, as `src/agents.py`.
    package let path: String
    /// git's mode: 0o100644, 0o100755, 0o120000.
    package let mode: UInt32
    /// The content, or the target of a link.
    package let content: [UInt8]

    /// A file.
    package init(path: String, mode: UInt32 = 0o100644, content: [UInt8]) {
      self.path = path
      self.mode = mode
      self.content = content
    }
  }

  /// A file or folder of the host that is shown in the sandbox.
  package struct Bind: Hashable, Sendable {
    /// On the host, absolute.
    package let source: String
    /// In the sandbox, absolute.
    package let target: String
    /// Whether the program may write there.
    package let isWritable: Bool

    /// A bind; by default at the same place and read-only.
    package init(_ source: String, at target: String? = nil, isWritable: Bool = false) {
      self.source = source
      self.target = target ?? source
      self.isWritable = isWritable
    }
  }

  /// The folder in which a program starts, and the only one that it can write to.
  package static let workFolder = "/work"

  /// The program, absolute, as the sandbox sees it.
  package var path: String
  /// Its arguments, without its name.
  package var arguments: [String]
  /// Its environment beside `PATH`, `HOME`, `TMPDIR` and `LANG`.
  package var environment: [String: String] = [:]
  /// What it reads from its standard input, which ends behind it.
  package var input: [UInt8] = []
  /// The files of the work folder.
  package var files: [File] = []
  /// What it sees of the host beside the system's folders.
  package var binds: [Bind] = []
  /// A folder of the host that is the work folder instead of an empty one in memory.
  package var workFolder: String?
  /// Bytes of the work folder.
  package var workBytes = 64 << 20
  /// Files and folders of the work folder.
  package var workFiles = 10_000
  /// Bytes of one file; more than the work folder takes, so that a full folder shows as what it is.
  package var fileBytes = 128 << 20
  /// Bytes of memory of all its processes.
  package var memoryBytes = 512 << 20
  /// Processes and threads.
  package var processes = 64
  /// Descriptors of one process.
  package var descriptors = 256
  /// Processor time of all its processes; nil for any.
  package var processorTime: Duration? = .seconds(30)
  /// Time from start to end, of one that was started ahead from when it gets its input; nil for any.
  package var wallTime: Duration?
  /// Bytes that are kept of each of its outputs; the rest is read and dropped.
  package var outputBytes = 1 << 20
  /// Whether nobody reads its standard error.
  package var dropsErrors = false
  /// Whether such a program, which learns what to do from its input, may be started before there is any: the sandbox
  /// keeps one ready for the next.
  package var startsAhead = false
  /// Whether it has the host's network.
  package var hasNetwork = false
  /// Whether it stays the daemon's user where there is no private root that shows it the daemon's files as its own.
  package var readsOwnFiles = false

  /// The same program when nothing is known yet of what it is to do.
  var ahead: SandboxPolicy {
    var policy = self
    (policy.input, policy.wallTime) = ([], nil)
    return policy
  }

  /// A program with the bounds of a test.
  package init(_ path: String, _ arguments: [String]) {
    self.path = path
    self.arguments = arguments
  }
}
