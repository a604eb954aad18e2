/// Why a connection cannot go on.
///
/// Ends the connection, never the daemon.
package enum ConnectionError: Error, Sendable, Hashable {
  /// The client closed its sending half in the middle of a message.
  case endOfInput
  /// The connection was reset, or the system refused to read or write; the `errno`.
  case broken(Int32)
  /// Nothing came, or nothing was taken, before the deadline.
  case timedOut
  /// A wait to read was ended by our side.
  case interrupted
  /// The server is stopping.
  case stopping
}
