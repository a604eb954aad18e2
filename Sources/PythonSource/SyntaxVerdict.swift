/// What Python's compiler says of a source file.
package enum SyntaxVerdict: Hashable, Sendable {
  /// It compiles.
  case valid
  /// It does not.
  case invalid(SyntaxFault)
}

/// Why a source file does not compile, in the compiler's own words.
package struct SyntaxFault: Hashable, Sendable, CustomStringConvertible {
  /// The exception's class: `SyntaxError`, `IndentationError`, ...
  package let type: String
  /// Its message.
  package let message: String
  /// The line, from 1.
  package let line: Int?
  /// The column in characters, from 1.
  package let column: Int?
  /// The line's text.
  package let text: String?

  /// A fault.
  package init(type: String, message: String, line: Int? = nil, column: Int? = nil, text: String? = nil) {
    self.type = type
    self.message = message
    self.line = line
    self.column = column
    self.text = text
  }

  /// `SyntaxError: invalid syntax at line 3: 'def f('`.
  package var description: String {
    var words = "\(type): \(message)"
    if let line { words += " at line \(line)" }
    let trimmed = text.map { $0.split(whereSeparator: \.isNewline).first.map(String.init) ?? "" } ?? ""
    return trimmed.isEmpty ? words : words + ": '\(trimmed)'"
  }
}

/// Why Python has no answer: it could not be asked, or the source is not what was wanted.
package struct PythonSourceError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Whether the source, or what was asked of it, is at fault.
  package var isAboutSource = false
  /// One sentence: what was wanted, what was found, what to do.
  package let message: String

  /// An error with this sentence.
  package init(message: String, isAboutSource: Bool = false) {
    self.message = message
    self.isAboutSource = isAboutSource
  }

  /// The sentence.
  package var description: String { message }
}
