/// What a child process is to run, and within which bounds.
package struct ChildCommand: Sendable {
  /// A bound that the kernel keeps for a process, see setrlimit(2).
  package struct Limit: Sendable, Hashable {
    /// The number of the resource.
    package let resource: Int32
    /// Its hard and soft limit.
    package let value: UInt64
  }

  /// The program, an absolute path.
  package var path: String
  /// Its arguments, without its name.
  package var arguments: [String]
  /// Its whole environment.
  package var environment: [String: String]
  /// Its working directory.
  package var directory: String
  /// Its bounds.
  package var limits: [Limit]

  /// A command with a clean environment.
  package init(
    _ path: String, _ arguments: [String], environment: [String: String] = [:], directory: String = "/",
    limits: [Limit] = []
  ) {
    self.path = path
    self.arguments = arguments
    self.environment = environment
    self.directory = directory
    self.limits = limits
  }
}
