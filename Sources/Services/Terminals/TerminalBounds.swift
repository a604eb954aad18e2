/// What terminals may use.
package struct TerminalBounds: Sendable {
  /// Bytes of output that are kept of each, in memory.
  package var scrollback = 1 << 20
  /// Terminals that run at once.
  package var total = 256
  /// Of one project.
  package var perProject = 32
  /// Without a viewer; then it is ended.
  package var idle: Duration = .seconds(14_400)
  /// Whether their programs have the host's network.
  package var hasNetwork = false
  /// Bytes of memory of all programs of one.
  package var memoryBytes = 1024 << 20
  /// Processes and threads of one.
  package var processes = 256

  /// The defaults.
  package init() {}
}
