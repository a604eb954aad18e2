/// Reads `.env` files as python-dotenv does: `NAME=value` lines, `export`, comments, single and double quotes.
package enum DotEnv {
  /// The pairs of a file's text, in order; lines that are none are passed over.
  package static func parse(_ text: String) -> [(name: String, value: String)] {
    text.split(whereSeparator: \.isNewline).compactMap { line in
      var line = line.drop(while: \.isWhitespace)
      if line.hasPrefix("export ") { line = line.dropFirst("export ".count).drop(while: \.isWhitespace) }
      guard !line.hasPrefix("#"), let mark = line.firstIndex(of: "=") else { return nil }
      let name = line[..<mark].filter { !$0.isWhitespace }
      guard !name.isEmpty else { return nil }
      return (String(name), value(line[line.index(after: mark)...].drop(while: \.isWhitespace)))
    }
  }

  private static func value(_ text: Substring) -> String {
    guard let quote = text.first, quote == "\"" || quote == "'" else { return bare(text) }
    var value = ""
    var rest = text.dropFirst()
    while let character = rest.popFirst(), character != quote {
      guard character == "\\", let next = rest.first, quote == "\"" || next == quote || next == "\\" else {
        value.append(character)
        continue
      }
      rest.removeFirst()
      value.append(next == "n" && quote == "\"" ? "\n" : next == "t" && quote == "\"" ? "\t" : next)
    }
    return value
  }

  /// Without quotes a value ends at a `#` that follows white space.
  private static func bare(_ text: Substring) -> String {
    var value = ""
    for character in text {
      if character == "#", value.last?.isWhitespace ?? true { break }
      value.append(character)
    }
    while value.last?.isWhitespace == true { value.removeLast() }
    return value
  }
}
