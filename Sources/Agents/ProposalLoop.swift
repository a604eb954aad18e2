import JSON
package import ModelProviders

/// The loop in which the vibecoder proposes and the evaluator judges.
///
///     vibecoder -> words ------------------------------------------> answer
///          \-> submit_patch -> applies? compiles? -> no -> its words back to the vibecoder
///                                  \-> yes -> evaluator -> approved -> proposal
///                                                 \-> refused -> feedback back to the vibecoder
///
/// Each submitted patch is an iteration; after three without approval the loop gives up. Whatever the model does, the
/// loop ends: the turns are counted too.
package struct ProposalLoop: Sendable {
  /// Most patches that are looked at.
  package static let maximumIterations = 3
  /// Most answers of the vibecoder, those that call nothing useful included.
  static let maximumTurns = 10

  let provider: any ModelProvider
  let models: AgentModels

  /// A loop over models of a provider.
  package init(provider: any ModelProvider, models: AgentModels) {
    self.provider = provider
    self.models = models
  }

  /// Tokens that are left in the window of an agent's model for what it remembers.
  ///
  /// A quarter is kept for its answers, and for the attempts of this message.
  package func room(for agent: AgentDefinition, _ task: ProposalTask) -> Int {
    let window = models.window(of: agent.tier)
    let fixed = (agent.instructions.utf8.count + PromptText.request(task).utf8.count) / 3
    return max(window / 16, window - window / 4 - fixed)
  }

  /// Runs the loop to its end.
  ///
  /// - Throws: `ModelError` when a model gives no answer, or what the environment throws.
  package func run(_ task: ProposalTask, in environment: some ProposalEnvironment) async throws -> ProposalOutcome {
    var state = State(task)
    while state.turn < Self.maximumTurns, state.iteration < Self.maximumIterations {
      state.turn += 1
      let response = try await ask(
        AllAgents.vibecoder, task.memory + state.input, iteration: state.iteration, environment, &state)
      state.lastResponse = response
      state.record(response.items)
      guard let call = response.toolCalls.first else {
        guard !response.text.isEmpty else {
          throw ModelError(.failed, "the model answered nothing: ask again, or in other words", isRetryable: false)
        }
        guard let feedback = state.feedback else { return state.outcome(.answer(response.text)) }
        // Words instead of a better patch: ask once more for one.
        state.iteration += 1
        let text = "\(MemoryCompaction.retryPrefix) Feedback: \(feedback) Please try again."
        state.record([Self.userItem(text)])
        continue
      }
      if let outcome = try await answer(call, of: response, task, environment, &state) { return outcome }
    }
    return state.outcome(.rejected(feedback: state.feedback ?? "the model went on without submitting a patch"))
  }

  /// Answers the calls of a response; an outcome when the patch was approved.
  private func answer(
    _ call: ModelResponse.ToolCall, of response: ModelResponse, _ task: ProposalTask,
    _ environment: some ProposalEnvironment, _ state: inout State
  ) async throws -> ProposalOutcome? {
    // Calls come one at a time; a model that makes several all the same gets an answer to each.
    for other in response.toolCalls.dropFirst() {
      state.record([Self.outputItem(other.callID, ["error": "only one call at a time is answered"])])
    }
    let iteration = state.iteration
    let submission: (patch: String, description: String)
    do { submission = try Self.submission(of: call) } catch {
      let output: JSONValue = ["error": .string(error.message)]
      try await environment.report(
        .toolAnswered(agent: AllAgents.vibecoder.name, iteration: iteration, callID: call.callID, output: output))
      state.record([Self.outputItem(call.callID, output)])
      return nil
    }
    let (evaluation, proposal) = try await judge(submission, task, environment, &state)
    try await environment.report(
      .evaluated(iteration: iteration, patch: submission.patch, description: submission.description, evaluation))
    try await environment.report(
      .toolAnswered(
        agent: AllAgents.vibecoder.name, iteration: iteration, callID: call.callID, output: evaluation.json))
    state.record([Self.outputItem(call.callID, evaluation.json)])
    if evaluation.isApproved, let proposal {
      return state.outcome(.approved(proposal, evaluation, description: submission.description))
    }
    state.feedback = evaluation.reasoning
    state.iteration += 1
    return nil
  }

  /// Checks a patch and, when it applies and compiles, asks the evaluator.
  private func judge(
    _ submission: (patch: String, description: String), _ task: ProposalTask,
    _ environment: some ProposalEnvironment, _ state: inout State
  ) async throws -> (Evaluation, Proposal?) {
    switch try await environment.check(patch: submission.patch) {
    case .refused(let reason):
      let reasoning = "Patch validation failed: \(reason)"
      return (Evaluation(isApproved: false, reasoning: reasoning, commitMessage: ""), nil)
    case .applies(let proposal):
      let question = Self.userItem(PromptText.evaluation(task, proposal, description: submission.description))
      let response = try await ask(
        AllAgents.evaluator, task.evaluatorMemory + state.evaluatorMemory + [question], iteration: state.iteration,
        environment, &state)
      let summary = "Request: \(task.prompt)\nPatch: \(submission.description)"
      state.evaluatorMemory += [Self.userItem(summary)] + response.items.filter { $0["type"]?.string == "message" }
      guard let evaluation = Evaluation(text: response.text) else {
        let reasoning = "The evaluator's verdict could not be read; submit the patch again."
        return (Evaluation(isApproved: false, reasoning: reasoning, commitMessage: ""), nil)
      }
      let message = evaluation.commitMessage.isEmpty ? submission.description : evaluation.commitMessage
      return (
        Evaluation(isApproved: evaluation.isApproved, reasoning: evaluation.reasoning, commitMessage: message), proposal
      )
    }
  }

  private func ask(
    _ agent: AgentDefinition, _ input: [JSONValue], iteration: Int, _ environment: some ProposalEnvironment,
    _ state: inout State
  ) async throws -> ModelResponse {
    try await environment.report(.agentStarted(agent: agent.name, iteration: iteration))
    let request = ModelRequest(
      model: models.name(of: agent.tier), instructions: agent.instructions, input: input, tools: agent.tools,
      outputSchema: agent.outputSchema)
    let response = try await provider.respond(to: request) { event in
      try await environment.report(.model(agent: agent.name, iteration: iteration, event))
    }
    state.usage = state.usage + response.usage
    try await environment.report(.responded(agent: agent.name, iteration: iteration, response))
    return response
  }
}

extension ProposalLoop {
  /// What the loop knows so far.
  private struct State {
    var turn = 0
    var iteration = 0
    var input: [JSONValue]
    var memory: [JSONValue]
    var evaluatorMemory: [JSONValue] = []
    var feedback: String?
    var usage = TokenUsage()
    var lastResponse: ModelResponse?

    init(_ task: ProposalTask) {
      // The files are shown anew each time and not remembered: memory would fill with old versions of them.
      input = [ProposalLoop.userItem(PromptText.request(task))]
      memory = [ProposalLoop.userItem(task.prompt)]
    }

    mutating func record(_ items: [JSONValue]) {
      input += items
      memory += items
    }

    func outcome(_ result: ProposalOutcome.Result) -> ProposalOutcome {
      ProposalOutcome(
        result: result, usage: usage, lastResponse: lastResponse, memory: memory, evaluatorMemory: evaluatorMemory)
    }
  }

  /// The arguments of a `submit_patch` call.
  private static func submission(
    of call: ModelResponse.ToolCall
  ) throws(ToolFault) -> (patch: String, description: String) {
    guard call.name == AllAgents.submitPatch.name else {
      throw ToolFault(message: "there is no function '\(call.name.prefix(60))'; the only one is submit_patch")
    }
    let arguments: JSONValue
    do { arguments = try JSONParser.parse(call.arguments) } catch {
      throw ToolFault(message: "the arguments must be a JSON object: \(error)")
    }
    guard let patch = arguments["patch"]?.string, let description = arguments["description"]?.string else {
      throw ToolFault(message: "submit_patch needs the strings 'patch' and 'description'")
    }
    return (patch, description)
  }

  private struct ToolFault: Error { let message: String }

  static func userItem(_ text: String) -> JSONValue { ["role": "user", "content": .string(text)] }

  static func outputItem(_ callID: String, _ output: JSONValue) -> JSONValue {
    ["type": "function_call_output", "call_id": .string(callID), "output": .string(output.encodedText)]
  }
}
