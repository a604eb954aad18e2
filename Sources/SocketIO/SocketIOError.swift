/// What a client did against Engine.IO or Socket.IO; ends its session.
package struct SocketIOError: Error, Sendable, Hashable {
  /// One lower-case sentence: what was wanted.
  package let message: String

  init(_ message: String) { self.message = message }
}
