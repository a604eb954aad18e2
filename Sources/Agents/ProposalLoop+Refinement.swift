import JSON
import ModelProviders

extension ProposalLoop {
  /// Most characters of a commit message that is taken from a model.
  static let messageLimit = 10_000

  /// Asks the evaluator for a better commit message.
  ///
  /// - Throws: `ModelError` when it gives none, or what the environment throws.
  package func refine(
    message: String, wish: String?, request: String, patch: String, in environment: some ProposalEnvironment
  ) async throws -> (message: String, reason: String) {
    let agent = AllAgents.messageWriter
    let question = PromptText.refinement(message: message, wish: wish, request: request, patch: patch)
    try await environment.report(.agentStarted(agent: agent.name, iteration: 0))
    let response = try await provider.respond(
      to: ModelRequest(
        model: models.name(of: agent.tier), instructions: agent.instructions, input: [Self.userItem(question)],
        tools: agent.tools, outputSchema: agent.outputSchema)
    ) { event in try await environment.report(.model(agent: agent.name, iteration: 0, event)) }
    try await environment.report(.responded(agent: agent.name, iteration: 0, response))
    guard let value = try? JSONParser.parse(response.text), let refined = value["commit_message"]?.string,
      refined.contains(where: { !$0.isWhitespace }), refined.count <= Self.messageLimit, !refined.utf8.contains(0)
    else {
      throw ModelError(.malformed, "its answer is no commit message: ask again", isRetryable: false)
    }
    return (refined, value["reasoning"]?.string ?? "")
  }
}
