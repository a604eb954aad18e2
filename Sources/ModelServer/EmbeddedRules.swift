import Git
import JSON

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
/// As evaluator it approves what applies and compiles, which was checked before it was asked.
enum EmbeddedRules {
  /// The answer to the body of a Responses request.
  static func answer(to body: JSONValue) -> ResponsesAnswer.Output {
    let input = body["input"] ?? nil
    let items = input.array ?? [["role": "user", "content": input]]
    let texts = items.filter { $0["role"]?.string == "user" }.map(text)
    let last = texts.last ?? ""
    if body["text"]?["format"]?["type"]?.string == "json_schema" { return evaluate(last) }
    let names = (body["tools"]?.array ?? []).compactMap { $0["name"]?.string }
    guard names.contains("submit_patch") else {
      return .text("I am the embedded provider: rules, not a language model. You said: \(last.prefix(200))")
    }
    // A repeated attempt follows its request: the files stand in the last text that has any.
    let question = texts.last { $0.contains("User request: ") } ?? last
    let (files, request) = split(question)
    let earlier = texts.filter { $0 != question }
    let proposals = items.filter { $0["type"]?.string == "function_call" && $0["name"]?.string == "submit_patch" }
      .compactMap { ($0["arguments"]?.string).flatMap { try? JSONParser.parse($0) }?["patch"]?.string }
    return propose(request, files: files, earlier: earlier, proposals: proposals)
  }

  private static func text(of item: JSONValue) -> String {
    item["content"]?.string ?? (item["content"]?.array ?? []).compactMap { $0["text"]?.string }.joined(separator: "\n")
  }

  private static func evaluate(_ question: String) -> ResponsesAnswer.Output {
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
      if line.hasPrefix("File: "), index + 1 < lines.count, lines[index + 1].hasPrefix("```") {
        let fence = lines[index + 1].prefix { $0 == "`" }
        let end = lines[(index + 2)...].firstIndex { $0 == fence } ?? lines.endIndex
        let body = lines[(index + 2)..<end]
        files.append((String(line.dropFirst("File: ".count)), body.map { $0 + "\n" }.joined()))
        index = end
      }
      index += 1
    }
    return (files, request.joined(separator: "\n"))
  }

  private static func propose(
    _ request: String, files: [(path: String, text: String)], earlier: [String], proposals: [String]
  ) -> ResponsesAnswer.Output {
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
        OPENAI_API_KEY for more.
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
