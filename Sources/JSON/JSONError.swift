/// Why a text is no JSON, with the place.
package struct JSONError: Error, Hashable, Sendable {
  /// What kind of departure from RFC 8259 was met.
  package enum Code: String, Sendable {
    case emptyInput, unexpectedEnd, unexpectedByte, invalidNumber, invalidString, invalidUTF8, tooDeep, trailingBytes
  }

  /// The kind.
  package let code: Code
  /// One lower-case sentence for a person: what was wanted, what was found.
  package let message: String
  /// Offset in bytes from the start of the text.
  package let offset: Int

  /// An error of that kind at that byte.
  package init(_ code: Code, _ message: String, at offset: Int) {
    self.code = code
    self.message = message
    self.offset = offset
  }
}

extension JSONError: CustomStringConvertible {
  /// The sentence with its place.
  package var description: String { "\(message) at byte \(offset)" }
}
