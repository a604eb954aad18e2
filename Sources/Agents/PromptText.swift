/// The texts in which the agents are shown files and requests.
package enum PromptText {
  /// Bytes of files that an agent is shown; what is above is named but left out.
  static let fileLimit = 400_000

  /// The vibecoder's question.
  package static func request(_ task: ProposalTask) -> String {
    var text = "Current code:\n\n" + files(task.files)
    if let node = task.nodeID { text += "This conversation is about the agent '\(node)': change that one.\n\n" }
    return text + "User request: " + task.prompt
  }

  /// The evaluator's question.
  static func evaluation(_ task: ProposalTask, _ proposal: Proposal, description: String) -> String {
    """
    User request: \(task.prompt)

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
      // A fence that is longer than any in the file.
      var fence = "```"
      while file.text.contains(fence) { fence += "`" }
      text += "File: \(file.path)\n\(fence)python\n\(file.text)"
      text += file.text.hasSuffix("\n") || file.text.isEmpty ? "\(fence)\n\n" : "\n\(fence)\n\n"
    }
    return text
  }
}
