/// Why a client's message to a terminal was not followed.
package struct TerminalError: Error, Hashable, Sendable {
  /// What kind of refusal it is; its raw value stands in the answer.
  package enum Code: String, Sendable {
    /// The message is none of the protocol's.
    case badMessage = "bad_message"
    /// Another viewer has control.
    case notWriter = "not_writer"
    /// The program does not read what was sent before.
    case inputFull = "input_full"
    /// The terminal has ended.
    case ended
    /// The system refused it.
    case failed
  }

  /// The kind.
  package let code: Code
  /// One sentence: what was wanted, what was found.
  package let message: String

  init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }
}
