import JSON
package import ModelProviders

/// An agent: a name, a model, a prompt, and what it can do.
package struct AgentDefinition: Sendable {
  /// Which of the two configured models it uses.
  package enum ModelTier: Sendable { case thinking, small }

  /// The name in events and messages.
  package let name: String
  /// Its model.
  package let tier: ModelTier
  /// Its system prompt.
  package let instructions: String
  /// The functions that it may call.
  package let tools: [ModelRequest.Tool]
  /// The form of its answer; nil for words.
  package let outputSchema: ModelRequest.OutputSchema?
}

/// Every agent of the daemon, in one place.
package enum AllAgents {
  /// Turns a request in plain words into a patch, or answers it in words.
  package static let vibecoder = AgentDefinition(
    name: "vibecoder", tier: .thinking,
    instructions: """
      You change Python projects that define AI agents. You see the current files and a request.

      If the request asks for a change, call submit_patch once with a unified diff against the files as they are now, \
      and a description of one sentence. The diff needs '--- a/PATH', '+++ b/PATH' and '@@' lines; use /dev/null for a \
      file that is created or deleted. Change what was asked for and nothing else; keep the style of the file. When a \
      request refers to something made earlier in the conversation, change that, do not make another.

      The patch is applied and compiled, then judged by a reviewer. If either refuses it, you get the reason: correct \
      the patch and submit it again, against the files as they were at the start.

      If the request is a question, answer it in words and submit nothing.
      """,
    tools: [submitPatch], outputSchema: nil)

  /// Judges a patch that applies and compiles.
  package static let evaluator = AgentDefinition(
    name: "evaluator", tier: .small,
    instructions: """
      You review a patch to a Python project. You see the request, the patch with its description, and the files before \
      and after. Approve it when it does what was asked, breaks nothing, and changes nothing else. Otherwise refuse it \
      and say exactly what to change. Write a commit message: a first line of at most 72 characters in the imperative, \
      and, only if needed, a blank line and a short body.
      """,
    tools: [], outputSchema: .init(name: "final_output", schema: Evaluation.schema))

  /// The evaluator, asked for a better commit message.
  package static let messageWriter = AgentDefinition(
    name: evaluator.name, tier: .small,
    instructions: """
      You improve commit messages. You see what a person asked for, the patch that does it, its commit message, and \
      what the person wishes of the message. Write a better one: a first line of at most 72 characters in the \
      imperative that says what changes, and, only if needed, a blank line and a short body that says why. Keep to \
      what the patch does. Say in one sentence what you changed about the message.
      """,
    tools: [],
    outputSchema: .init(
      name: "commit_message",
      schema: [
        "type": "object",
        "properties": ["commit_message": ["type": "string"], "reasoning": ["type": "string"]],
        "required": ["commit_message", "reasoning"], "additionalProperties": false,
      ]))

  /// All of them.
  package static let all = [vibecoder, evaluator, messageWriter]

  /// Hands a patch in.
  static let submitPatch = ModelRequest.Tool(
    name: "submit_patch", description: "Submit a unified diff against the current files for checks and review.",
    parameters: [
      "type": "object",
      "properties": [
        "patch": ["type": "string", "description": "A unified diff over any number of files."],
        "description": ["type": "string", "description": "One sentence that says what the patch does."],
      ],
      "required": ["patch", "description"], "additionalProperties": false,
    ])
}

/// Which models the tiers stand for.
package struct AgentModels: Sendable {
  /// The model of `.thinking`.
  package let thinking: String
  /// The model of `.small`.
  package let small: String
  private let contextTokens: Int?

  /// Models by the names of the settings; names that are no model's are resolved.
  ///
  /// `contextTokens` is what they read at most; nil for what is known of each.
  package init(thinking: String, small: String, contextTokens: Int? = nil) {
    self.contextTokens = contextTokens
    self.thinking = Self.aliases[thinking] ?? thinking
    self.small = Self.aliases[small] ?? small
  }

  /// Names that people use for models, and what they are called on the wire.
  private static let aliases = ["gpt-5-thinking": "gpt-5"]

  /// Tokens that the model of a tier reads at most.
  func window(of tier: AgentDefinition.ModelTier) -> Int {
    contextTokens ?? ContextWindows.current.tokens(of: name(of: tier))
  }

  /// The model of a tier.
  func name(of tier: AgentDefinition.ModelTier) -> String { tier == .thinking ? thinking : small }
}
