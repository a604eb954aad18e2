import Git
import JSON
import ModelProviders

/// The rules by which the embedded provider answers. Deterministic, and honest about what they are:
///
/// - "create/add/make a NAME agent": appends the definition of an agent.
/// - "rename the NAME agent to OTHER": renames an agent.
/// - "change the instructions of NAME to TEXT": replaces an agent's instructions.
/// - "make it (or the NAME agent) speak LANGUAGE": adds to an agent's instructions; "it" is the agent that the
///   conversation spoke of last.
/// - a question: tells which agents there are.
/// - anything else: tells what it can do.
///
/// Without code to change it talks, and "call NAME" calls that function, with the least arguments that its schema allows;
/// so does a request that demands a call. A form of the answer that is not the evaluator's is filled in the same way.
///
/// As evaluator it approves what applies and compiles, which was checked before it was asked.
enum EmbeddedRules {
  /// The answer to a question.
  static func answer(to question: EmbeddedQuestion) -> EmbeddedAnswer {
    let items = question.items
    let texts = items.filter { $0["role"]?.string == "user" }.map(Conversation.text)
    let last = texts.last ?? ""
    if let tool = question.demanded, tool.name != "submit_patch" { return call(tool) }
    if let schema = question.schema {
      let isVerdict = ["approved", "commit_message"].contains { schema["properties"]?[$0] != nil }
      return isVerdict ? evaluate(last) : .text(SchemaExample.of(schema).encodedText)
    }
    guard question.tools.contains(where: { $0.name == "submit_patch" }) else {
      return talk(items, last, question.tools)
    }
    // A repeated attempt follows its request: the files stand in the last text that has any.
    let request = texts.last { $0.contains("User request: ") } ?? last
    let (files, words) = split(request)
    var earlier = texts.filter { $0 != request }
    // In a conversation about one agent that one is "it" until another is spoken of.
    if let subject = request.prefixMatch(of: /This conversation is about the agent '(.+?)(?: Agent)?':/) {
      earlier.insert("Create a \(subject.1) agent", at: 0)
    }
    let proposals = items.filter { $0["type"]?.string == "function_call" && $0["name"]?.string == "submit_patch" }
      .compactMap { ($0["arguments"]?.string).flatMap { try? JSONParser.parse($0) }?["patch"]?.string }
    return propose(words, files: files, earlier: earlier, proposals: proposals)
  }

  /// The answer to somebody who has no code to change: words, or a call of a function that they name.
  private static func talk(_ items: [JSONValue], _ last: String, _ tools: [EmbeddedQuestion.Tool]) -> EmbeddedAnswer {
    if let output = items.last, output["type"]?.string == "function_call_output" {
      return .text("The function answered: \(Conversation.text(of: output).prefix(200))")
    }
    let named = last.firstMatch(of: /(?i)\bcall\s+(\w+)/).flatMap { match in
      tools.first { $0.name == match.1 }
    }
    if let named { return call(named) }
    return .text("I am the embedded provider: rules, not a language model. You said: \(last.prefix(200))")
  }

  private static func call(_ tool: EmbeddedQuestion.Tool) -> EmbeddedAnswer {
    .call(name: tool.name, arguments: SchemaExample.of(tool.parameters).encodedText)
  }

  private static func evaluate(_ question: String) -> EmbeddedAnswer {
    if let message = question.firstMatch(of: /(?s)\nCommit message: (.*?)\n\nWish: (.*?)\n\nPatch:\n/) {
      return .text(refine(String(message.1), wish: String(message.2)).encodedText)
    }
    let description =
      question.split(separator: "\n").first { $0.hasPrefix("Description: ") }?.dropFirst("Description: ".count)
      ?? "Change"
    let verdict: JSONValue = [
      "approved": true,
      "reasoning":
        "The patch applies and compiles. (The embedded provider checks no more: it is not a language model.)",
      "commit_message": .string(String(description)),
    ]
    return .text(verdict.encodedText)
  }

  /// A commit message by the rules of git: a first line that begins with a capital letter, has at most 72 characters
  /// and no full stop; what was wished stands in the body.
  private static func refine(_ message: String, wish: String) -> JSONValue {
    var lines = message.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    var subject = (lines.isEmpty ? "" : lines.removeFirst()).trimmingQuotes
    while subject.hasSuffix(".") { subject.removeLast() }
    if subject.isEmpty { subject = "Change the project" }
    subject = subject.prefix(1).uppercased() + subject.dropFirst()
    let body = lines.joined(separator: "\n") + (wish == "make it better" ? "" : "\n\n" + wish)
    return [
      "commit_message": .string((subject.prefix(72) + body).trimmingPrefix("\n").description),
      "reasoning": "The first line follows the rules of git. (The embedded provider is rules, not a language model.)",
    ]
  }

  /// The files and the request of a question in the form of `PromptText`.
  private static func split(_ question: String) -> (files: [(path: String, text: String)], request: String) {
    let lines = question.split(separator: "\n", omittingEmptySubsequences: false)
    var files: [(path: String, text: String)] = []
    var request: [Substring] = []
    var index = 0
    while index < lines.count {
      let line = lines[index]
      if line.hasPrefix("User request: ") {
        request = [line.dropFirst("User request: ".count)] + lines[(index + 1)...]
        break
      }
      if line.hasPrefix("File: ") || line.hasPrefix("Definition: "), index + 1 < lines.count,
        lines[index + 1].hasPrefix("```")
      {
        let fence = lines[index + 1].prefix { $0 == "`" }
        let end = lines[(index + 2)...].firstIndex { $0 == fence } ?? lines.endIndex
        let body = lines[(index + 2)..<end]
        if line.hasPrefix("File: ") {
          files.append((String(line.dropFirst("File: ".count)), body.map { $0 + "\n" }.joined()))
        }
        index = end
      }
      index += 1
    }
    return (files, request.joined(separator: "\n"))
  }

  private static func propose(
    _ request: String, files: [(path: String, text: String)], earlier: [String], proposals: [String]
  ) -> EmbeddedAnswer {
    let file = files.first { $0.text.contains("Agent(") } ?? files.first ?? ("agents.py", "")
    var source = AgentSource(file.text)
    var names = source.agents.map(\.name)
    var instruction = Instruction(request, knownAgents: names, earlier: earlier)
    // An agent that was proposed and is not committed yet can be spoken of: the new patch makes it as it is to be.
    if let subject = instruction.subject, !source.has(subject), let proposed = proposed(file, proposals) {
      let known = proposed.agents.map(\.name)
      let again = Instruction(request, knownAgents: known, earlier: earlier)
      if let subject = again.subject, proposed.has(subject) { (source, names, instruction) = (proposed, known, again) }
    }
    let description: String
    switch instruction {
    case .create(let name):
      guard source.add(agent: name) else { return .text("There is already an agent named \(name).") }
      description = "Add the \(name) agent"
    case .rename(let old, let new):
      guard source.rename(agent: old, to: new) else { return .text(noAgent(old, names)) }
      description = "Rename the \(old) agent to \(new)"
    case .instruct(let name, let text):
      guard source.setInstructions(of: name, to: text) else { return .text(noAgent(name, names)) }
      description = "Change the instructions of the \(name) agent"
    case .speak(let name, let language):
      guard source.addInstruction("Always answer in \(language).", to: name) else { return .text(noAgent(name, names)) }
      description = "Make the \(name) agent speak \(language)"
    case .question:
      let list = names.isEmpty ? "no agents" : "these agents: " + names.joined(separator: ", ")
      return .text("\(file.path) defines \(list). (I am the embedded provider: rules, not a language model.)")
    case .unknown:
      return .text(
        """
        I am the embedded provider: rules, not a language model. I can create an agent ("create a triage agent"), \
        rename one, change its instructions, make it speak a language, and say which agents there are. Set \
        OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY for more.
        """)
    }
    let old = files.isEmpty ? nil : file.text
    guard let patch = try? TextDiff.unified(old: old, new: source.text, path: file.path), !patch.isEmpty else {
      return .text("That is how it is already.")
    }
    let arguments: JSONValue = ["patch": .string(patch), "description": .string(description)]
    return .call(name: "submit_patch", arguments: arguments.encodedText)
  }

  /// The file as the last proposal that fits it would make it.
  private static func proposed(_ file: (path: String, text: String), _ proposals: [String]) -> AgentSource? {
    for patch in proposals.reversed() {
      // A proposal on an older state of the file is passed over.
      if let text = (try? TextPatch.apply(patch, to: [file.path: file.text]))?[file.path] ?? nil {
        return AgentSource(text)
      }
    }
    return nil
  }

  private static func noAgent(_ name: String, _ names: [String]) -> String {
    names.isEmpty
      ? "There are no agents yet: ask me to create one."
      : "There is no agent named \(name); there are: \(names.joined(separator: ", "))."
  }
}
