/// Python source with agent definitions, edited as text: enough for the embedded provider's rules.
struct AgentSource {
  /// A definition `variable = Agent(...)`.
  struct Definition: Hashable {
    /// The name without a trailing `Agent`.
    let name: String
    /// The place of the call, from the variable to the closing parenthesis.
    let range: Range<String.Index>
  }

  private(set) var text: String

  init(_ text: String) { self.text = text }

  /// The definitions at the beginning of a line, in order.
  var agents: [Definition] {
    text.matches(of: /(?m)^(\w+)\s*(?::[^=\n]+)?=\s*Agent\s*(?:\[[^\]]*\])?\s*\(/).compactMap { match in
      guard let end = Self.closing(of: text, from: match.range.upperBound) else { return nil }
      let range = match.range.lowerBound..<end
      let given = text[range].firstMatch(of: /name\s*=\s*["']([^"']+)["']/).map { String($0.1) }
      return Definition(name: Self.short(given ?? String(match.1)), range: range)
    }
  }

  /// Appends an agent; false when there is one of that name.
  mutating func add(agent name: String) -> Bool {
    guard find(name) == nil else { return false }
    let title = name.split(separator: " ").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined(separator: " ")
    let definition = """
      \(Self.variableName(name)) = Agent(
          name="\(title) Agent",
          instructions="You are the \(name.lowercased()) agent.",
      )

      """
    if !text.contains("import Agent") { text = Self.insertImport("from agents import Agent", into: text) }
    if let main = text.firstRange(of: /(?m)^if __name__ ==/) {
      text.insert(contentsOf: definition + "\n\n", at: main.lowerBound)
    } else {
      if !text.isEmpty, !text.hasSuffix("\n") { text += "\n" }
      text += text.isEmpty ? definition : "\n\n" + definition
    }
    return true
  }

  /// Renames an agent and its variable; false when there is none of that name.
  mutating func rename(agent old: String, to new: String) -> Bool {
    guard let definition = find(old) else { return false }
    let title = new.split(separator: " ").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined(separator: " ")
    let block = text[definition.range]
    guard let variable = block.firstMatch(of: /^\w+/).map({ String($0.0) }) else { return false }
    let renamed = String(block).replacing(/(name\s*=\s*["'])([^"']+)(["'])/, maxReplacements: 1) { match in
      "\(match.1)\(title)\(match.2.hasSuffix("Agent") ? match.2.hasSuffix(" Agent") ? " Agent" : "Agent" : "")\(match.3)"
    }
    text.replaceSubrange(definition.range, with: renamed)
    let target = Self.variableName(new)
    text = text.replacing(/\b\w+\b/) { $0.0 == variable ? target[...] : $0.0 }
    return true
  }

  /// Replaces an agent's instructions; false when there is no such agent or it has none.
  mutating func setInstructions(of name: String, to instructions: String) -> Bool {
    guard let range = literal(of: name) else { return false }
    let escaped = instructions.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    text.replaceSubrange(range.literal, with: "\"\(escaped)\"")
    return true
  }

  /// Adds a sentence to an agent's instructions.
  mutating func addInstruction(_ sentence: String, to name: String) -> Bool {
    guard let range = literal(of: name) else { return false }
    text.insert(contentsOf: " " + sentence, at: range.end)
    return true
  }

  /// Whether there is an agent of that name.
  func has(_ name: String) -> Bool { find(name) != nil }

  private func find(_ name: String) -> Definition? {
    let wanted = Self.short(name).lowercased()
    return agents.first { $0.name.lowercased() == wanted }
  }

  /// The string literal of an agent's instructions, and where its text ends.
  private func literal(of name: String) -> (literal: Range<String.Index>, end: String.Index)? {
    guard let definition = find(name),
      let match = text[definition.range].firstMatch(
        of: /instructions\s*=\s*\(?\s*(?:"""([\s\S]*?)"""|'''([\s\S]*?)'''|"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)')/
      ),
      let content = match.1 ?? match.2 ?? match.3 ?? match.4
    else { return nil }
    let marks = match.1 != nil || match.2 != nil ? 3 : 1
    let start = text.index(content.startIndex, offsetBy: -marks)
    let end = text.index(content.endIndex, offsetBy: marks)
    return (start..<end, content.endIndex)
  }

  /// The place behind the parenthesis that closes a call; strings and comments are skipped.
  private static func closing(of text: String, from start: String.Index) -> String.Index? {
    var depth = 1
    var index = start
    while index < text.endIndex {
      let character = text[index]
      if character == "#" {
        index = text[index...].firstIndex(of: "\n") ?? text.endIndex
        continue
      }
      if character == "\"" || character == "'" {
        guard let end = endOfString(text, at: index) else { return nil }
        index = end
        continue
      }
      if "([{".contains(character) { depth += 1 }
      if ")]}".contains(character) { depth -= 1 }
      index = text.index(after: index)
      if depth == 0 { return index }
    }
    return nil
  }

  private static func endOfString(_ text: String, at start: String.Index) -> String.Index? {
    let quote = text[start]
    let triple = String(repeating: quote, count: 3)
    let mark = text[start...].hasPrefix(triple) ? triple : String(quote)
    var index = text.index(start, offsetBy: mark.count)
    while index < text.endIndex {
      if text[index] == "\\" {
        index = text.index(index, offsetBy: 2, limitedBy: text.endIndex) ?? text.endIndex
      } else if text[index...].hasPrefix(mark) {
        return text.index(index, offsetBy: mark.count)
      } else {
        index = text.index(after: index)
      }
    }
    return nil
  }

  private static func short(_ name: String) -> String {
    var name = name
    for suffix in [" agent", "_agent", "agent"] where name.lowercased().hasSuffix(suffix) && name.count > suffix.count {
      name = String(name.dropLast(suffix.count))
      break
    }
    return name.replacing("_", with: " ")
  }

  private static func variableName(_ name: String) -> String {
    let words = name.lowercased().split { !$0.isASCII || !($0.isLetter || $0.isNumber) }
    let joined = words.joined(separator: "_")
    let start = joined.first.map { $0.isNumber } == false ? joined : "agent_" + joined
    return start.hasSuffix("_agent") ? start : start + "_agent"
  }

  /// Puts an import behind the comments and the documentation string at the top.
  private static func insertImport(_ line: String, into text: String) -> String {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let place = lines.firstIndex { !$0.hasPrefix("#") } ?? lines.endIndex
    lines.insert(Substring(line), at: place)
    if place + 1 < lines.endIndex, !lines[place + 1].isEmpty { lines.insert("", at: place + 1) }
    return lines.joined(separator: "\n")
  }
}
