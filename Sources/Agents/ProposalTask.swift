package import JSON
package import ModelProviders

/// A request to the agents with all they may know.
package struct ProposalTask: Sendable {
  /// A file of the project.
  package struct File: Sendable, Hashable {
    /// Its path.
    package let path: String
    /// Its text.
    package let text: String

    /// A file.
    package init(path: String, text: String) {
      self.path = path
      self.text = text
    }
  }

  /// The definition that a node session is about.
  package enum Node: Sendable, Hashable {
    /// It stands in a file, from one line to another, both counted from 1.
    case found(name: String, path: String, lines: ClosedRange<Int>, text: String, tools: [String], handoffs: [String])
    /// There is none of that name; these are there.
    case missing(name: String, known: [String])
    /// The file cannot be read as Python, for this reason.
    case unreadable(name: String, reason: String)
  }

  /// A patch that a person has rejected.
  package struct Rejected: Sendable, Hashable {
    /// What it was made for.
    package let prompt: String
    /// The patch.
    package let patch: String

    /// A rejected patch.
    package init(prompt: String, patch: String) {
      self.prompt = prompt
      self.patch = patch
    }
  }

  /// What the person asked for.
  package var prompt: String
  /// The files that the agents see, the entry file first.
  package var files: [File]
  /// The node that the session is about.
  package var node: Node?
  /// The patch that the person rejected, with the prompt for the reason.
  package var rejected: Rejected?
  /// What the vibecoder remembers, as Responses input items.
  package var memory: [JSONValue]
  /// What the evaluator remembers.
  package var evaluatorMemory: [JSONValue]

  /// A request.
  package init(
    prompt: String, files: [File], node: Node? = nil, rejected: Rejected? = nil, memory: [JSONValue] = [],
    evaluatorMemory: [JSONValue] = []
  ) {
    self.prompt = prompt
    self.files = files
    self.node = node
    self.rejected = rejected
    self.memory = memory
    self.evaluatorMemory = evaluatorMemory
  }
}

/// A patch that applies and compiles.
package struct Proposal: Sendable, Hashable {
  /// The name of the tree that it makes.
  package let tree: String
  /// The change as a unified diff in git's form.
  package let diff: String
  /// The changed files before, for the evaluator.
  package let before: [ProposalTask.File]
  /// The changed files after.
  package let after: [ProposalTask.File]

  /// A proposal.
  package init(tree: String, diff: String, before: [ProposalTask.File], after: [ProposalTask.File]) {
    self.tree = tree
    self.diff = diff
    self.before = before
    self.after = after
  }
}

/// What the checks say of a patch.
package enum PatchVerdict: Sendable {
  /// It applies and compiles.
  case applies(Proposal)
  /// It does not, for this reason, in the words of the compiler or of the applier.
  case refused(String)
}

/// What the loop needs from the world.
package protocol ProposalEnvironment: Sendable {
  /// Applies a patch in memory and compiles the result.
  func check(patch: String) async throws -> PatchVerdict

  /// Tells of a step the moment it happens; what it throws ends the loop.
  func report(_ step: ProposalStep) async throws
}

/// A step of the loop.
///
/// Iterations count from 0.
package enum ProposalStep: Sendable {
  /// An agent begins its turn.
  case agentStarted(agent: String, iteration: Int)
  /// Something happened in a model's stream.
  case model(agent: String, iteration: Int, ModelEvent)
  /// A model's answer is complete.
  case responded(agent: String, iteration: Int, ModelResponse)
  /// A function was called and gave this output.
  case toolAnswered(agent: String, iteration: Int, callID: String, output: JSONValue)
  /// A patch was judged.
  case evaluated(iteration: Int, patch: String, description: String, Evaluation)
}

/// How the loop ended.
package struct ProposalOutcome: Sendable {
  /// What came of it.
  package enum Result: Sendable {
    /// An answer in words.
    case answer(String)
    /// An approved patch.
    case approved(Proposal, Evaluation, description: String)
    /// No patch was approved; the last feedback.
    case rejected(feedback: String)
  }

  /// What came of it.
  package var result: Result
  /// Tokens of all agents.
  package var usage: TokenUsage
  /// The vibecoder's last response.
  package var lastResponse: ModelResponse?
  /// What the vibecoder should remember of this, as Responses input items.
  package var memory: [JSONValue]
  /// What the evaluator should remember.
  package var evaluatorMemory: [JSONValue]
}
