/// What a request in plain words asks of the embedded provider.
enum Instruction: Hashable {
  case create(String)
  case rename(String, to: String)
  case instruct(String, String)
  case speak(String, String)
  case question
  case unknown

  /// Reads a request.
  ///
  /// `earlier` are the earlier requests of the conversation, oldest first, to know what "it" is.
  init(_ request: String, knownAgents: [String], earlier: [String]) {
    let text = request.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    func agent(_ words: Substring) -> String {
      let name = Self.name(words)
      guard ["it", "this", "that", "this one"].contains(name.lowercased()) else { return name }
      let spoken = earlier.reversed().lazy.compactMap(Self.spokenOf).first { subject in
        knownAgents.contains { $0.lowercased() == subject.lowercased() }
      }
      return spoken ?? knownAgents.last ?? name
    }
    if let match = text.firstMatch(of: /(?i)^(?:please )?rename (?:the )?(.+?)(?: agent)? to (.+?)(?: agent)?[.!]?$/) {
      self = .rename(agent(match.1), to: Self.name(match.2))
    } else if let match = text.firstMatch(
      of: /(?i)(?:change|set|update|replace) (?:the )?instructions (?:of|for) (?:the )?(.+?)(?: agent)? to:? (.+)$/)
    {
      self = .instruct(agent(match.1), String(match.2).trimmingQuotes)
    } else if let match = text.firstMatch(
      of: /(?i)(?:make|let|have) (?:the )?(.+?)(?: agent)? (?:speak|answer in|reply in|talk) (?:only )?(?:in )?(\w+)/)
    {
      self = .speak(agent(match.1), String(match.2))
    } else if let name = Self.created(text) {
      self = .create(name)
    } else if text.hasSuffix("?")
      || text.firstMatch(of: /(?i)^(what|which|how|who|why|where|list|show|explain|describe)\b/) != nil
    {
      self = .question
    } else {
      self = .unknown
    }
  }

  /// The agent that must be there for it to be done.
  var subject: String? {
    switch self {
    case .rename(let name, to: _), .instruct(let name, _), .speak(let name, _): name
    case .create, .question, .unknown: nil
    }
  }

  /// The name in "create a NAME agent" or "add an agent called NAME".
  private static func created(_ text: String) -> String? {
    let verbs = /(?i)\b(?:create|add|make|build|write|define|introduce)\b/
    guard text.firstMatch(of: verbs) != nil else { return nil }
    if let match = text.firstMatch(of: /(?i)agents? (?:called|named) (["'\w][\w '"-]*)/) { return name(match.1) }
    let short =
      /(?i)\b(?:create|add|make|build|write|define|introduce) (?:me )?(?:an? |the |another |one )?(?:new )?([\w-]+(?: [\w-]+)?) agent\b/
    return text.firstMatch(of: short).map { name($0.1) }
  }

  /// The agent that a request speaks of.
  private static func spokenOf(_ text: String) -> String? {
    switch Instruction(text, knownAgents: [], earlier: []) {
    case .create(let name), .rename(_, to: let name), .instruct(let name, _), .speak(let name, _): name
    case .question, .unknown: nil
    }
  }

  private static func name(_ words: some StringProtocol) -> String {
    let text = String(words).trimmingQuotes
    return text.lowercased().hasSuffix(" agent") ? String(text.dropLast(6)) : text
  }
}

extension String {
  /// Without quotation marks, white space and a full stop around.
  var trimmingQuotes: String {
    let marks: Set<Character> = ["\"", "'", "`", " ", "“", "”", "‘", "’"]
    var text = self[...]
    while let first = text.first, marks.contains(first) { text.removeFirst() }
    while let last = text.last, marks.contains(last) { text.removeLast() }
    return String(text)
  }
}
