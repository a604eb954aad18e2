package import Sandbox

/// Whether a viewer wants to write.
package enum TerminalControl: String, Sendable, CaseIterable {
  /// When nobody else does: the first has control, and the next one when it leaves.
  case auto
  /// At once, whoever has control.
  case take
  /// Not unless it asks later.
  case watch
}

/// What a viewer must be told next.
package enum TerminalDelivery: Hashable, Sendable {
  /// Where it stands: first of all, and whenever control or the size have changed.
  case status(TerminalStatus)
  /// Bytes that it can get no more; it goes on at this offset.
  case gap(lost: Int, offset: Int)
  /// The next bytes, which end at this offset.
  case output([UInt8], offset: Int)
  /// The terminal has ended, and all of its output has been delivered.
  case end(TerminalEnd, offset: Int)
}

/// A terminal that runs, as one of its viewers sees it.
package struct TerminalStatus: Hashable, Sendable {
  /// How many bytes of the stream the viewer has had, or skipped.
  package let offset: Int
  /// Its size.
  package let size: TerminalSize
  /// Whether the viewer has control.
  package let isWriter: Bool
  /// How many watch.
  package let viewers: Int
}
