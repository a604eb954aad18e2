import JSON
package import Sandbox

/// What a viewer asks of a terminal: a JSON text message, or a binary one, which is input as it is.
package enum TerminalRequest: Hashable, Sendable {
  /// Bytes for the program.
  case input([UInt8])
  /// SIGINT for the process group in the foreground.
  case interrupt
  /// Another size.
  case resize(TerminalSize)
  /// Control, whoever has it.
  case take
  /// No control any more; somebody else may have it.
  case release
  /// An answer, to see that we are there.
  case ping

  /// The request in a text message.
  ///
  /// - Throws: `TerminalError.badMessage` that says what was wanted and what was found.
  package init(_ text: String) throws(TerminalError) {
    let message: JSONValue
    do { message = try JSONParser.parse(text) } catch {
      throw TerminalError(.badMessage, "a text message must be a JSON object: \(error.message)")
    }
    guard message.object != nil else { throw TerminalError(.badMessage, "a text message must be a JSON object") }
    switch message["type"]?.string {
    case "input":
      guard let data = message["data"]?.string else {
        throw TerminalError(.badMessage, "the data of input must be text; bytes go into a binary message")
      }
      self = .input(Array(data.utf8))
    case "resize": self = .resize(try Self.size(in: message))
    case "interrupt": self = .interrupt
    case "take": self = .take
    case "release": self = .release
    case "ping": self = .ping
    default:
      throw TerminalError(.badMessage, "type must be input, interrupt, resize, take, release or ping")
    }
  }

  private static func size(in message: JSONValue) throws(TerminalError) -> TerminalSize {
    let bounds = TerminalSize.bounds
    guard let columns = message["cols"]?.integer, let rows = message["rows"]?.integer,
      let size = TerminalSize(columns: columns, rows: rows)
    else {
      throw TerminalError(
        .badMessage, "cols and rows must be whole numbers from \(bounds.lowerBound) to \(bounds.upperBound)")
    }
    return size
  }
}
