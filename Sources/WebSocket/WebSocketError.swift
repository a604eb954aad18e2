/// What a peer did against RFC 6455, with the close code that answers it.
package struct WebSocketError: Error, Hashable, Sendable {
  /// The code to close with.
  package let code: CloseCode
  /// One lower-case sentence, short enough for a close frame.
  package let message: String

  /// An error that closes with that code.
  package init(_ code: CloseCode, _ message: String) {
    self.code = code
    self.message = message
  }
}
