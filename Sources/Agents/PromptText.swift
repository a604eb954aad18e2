/// The texts in which the agents are shown files and requests.
package enum PromptText {
  /// Bytes of files that an agent is shown; what is above is named but left out.
  static let fileLimit = 400_000

  /// The vibecoder's question.
  package static func request(_ task: ProposalTask) -> String {
    (task.node.map(focus) ?? "") + "Current code:\n\n" + files(task.files) + (task.rejected.map(rejected) ?? "")
      + "User request: " + task.prompt
  }

  /// What a node session is about, before all files.
  private static func focus(_ node: ProposalTask.Node) -> String {
    switch node {
    case .found(let name, let path, let lines, let text, let tools, let handoffs):
      let fence = fence(for: text)
      func list(_ names: [String]) -> String { names.isEmpty ? "none" : names.joined(separator: ", ") }
      return """
        This conversation is about the agent '\(name)': change that one, and leave the others alone unless the request \
        names them.
        Definition: \(path), lines \(lines.lowerBound) to \(lines.upperBound)
        \(fence)python
        \(text)
        \(fence)
        Its tools: \(list(tools))
        Its handoffs: \(list(handoffs))


        """
    case .missing(let name, let known):
      let others = known.isEmpty ? "no agents" : "these agents: \(known.joined(separator: ", "))"
      return """
        This conversation is about the agent '\(name)', which no longer exists; there are \(others). Say so, unless the \
        request is to make it again or names another.


        """
    case .unreadable(let name, let reason):
      return """
        This conversation is about the agent '\(name)', which cannot be found now, since the file is not valid Python: \
        \(reason)


        """
    }
  }

  /// The patch of the round before, which the request is a person's feedback on.
  private static func rejected(_ rejected: ProposalTask.Rejected) -> String {
    let fence = fence(for: rejected.patch)
    return """
      A person has rejected the last patch. It was made for this request:

      \(fence)
      \(rejected.prompt)
      \(fence)

      The rejected patch, which was not applied:

      \(fence)diff
      \(rejected.patch)\(rejected.patch.hasSuffix("\n") ? "" : "\n")\(fence)

      What follows is their feedback on it. Submit a patch that does what was asked in the first place and what the \
      feedback asks, against the current code.


      """
  }

  /// A fence that is longer than any in a text.
  private static func fence(for text: String) -> String {
    var fence = "```"
    while text.contains(fence) { fence += "`" }
    return fence
  }

  /// The evaluator's question about a commit message.
  static func refinement(message: String, wish: String?, request: String, patch: String) -> String {
    """
    User request: \(request)

    Commit message: \(message)

    Wish: \(wish?.isEmpty == false ? wish ?? "" : "make it better")

    Patch:

    \(fence(for: patch))diff
    \(patch.prefix(fileLimit))
    \(fence(for: patch))
    """
  }

  /// The evaluator's question.
  static func evaluation(_ task: ProposalTask, _ proposal: Proposal, description: String) -> String {
    """
    User request: \(task.prompt)

    \(task.rejected.map { "That is feedback on a patch for: \($0.prompt)\n\n" } ?? "")\
    Description: \(description)

    Patch:

    ```diff
    \(proposal.diff)```

    Original code:

    \(files(proposal.before))Patched code:

    \(files(proposal.after))
    """
  }

  /// Files as fenced blocks, each under a line `File: PATH`.
  static func files(_ files: [ProposalTask.File]) -> String {
    var text = ""
    for file in files {
      guard text.utf8.count + file.text.utf8.count <= fileLimit else {
        text += "File: \(file.path) (left out, \(file.text.utf8.count) bytes)\n\n"
        continue
      }
      let fence = fence(for: file.text)
      text += "File: \(file.path)\n\(fence)python\n\(file.text)"
      text += file.text.hasSuffix("\n") || file.text.isEmpty ? "\(fence)\n\n" : "\n\(fence)\n\n"
    }
    return text
  }
}
