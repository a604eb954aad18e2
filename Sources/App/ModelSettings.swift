package import Agents
package import ModelProviders

/// The settings of the models, of their providers, and of how these are asked.
package struct ModelSettings: Sendable {
  /// The model providers that have a key or an address of their own; with none of them the embedded one serves.
  package let providers: [ProviderName: ProviderEndpoint]
  /// Whether no model provider is set, so that the embedded one serves.
  package var usesEmbedded: Bool { providers.isEmpty }
  /// What is to be said of a model that is used but whose provider is not set, in one line.
  package let missingProvider: String?
  /// The models of the agents.
  package let agents: AgentModels
  /// How long a model provider may say nothing.
  package let readTimeout: Duration
  /// How long one answer of a model may take, with all its tries.
  package let deadline: Duration
  /// The folder to record exchanges with models in.
  package let record: String?
  /// The folder to replay them from.
  package let replay: String?
  /// Whether a replay keeps the pauses that were recorded.
  package let replayKeepsTime: Bool
  /// Whether models without a price may be called although a budget limits the cost.
  package let allowsUnpriced: Bool
  /// The pause of the embedded provider between events.
  package let embeddedDelay: Duration

  init(_ source: SettingSource) throws(Settings.Fault) {
    providers = try source.providers()
    let tokens = try source.integer(.contextTokens, 0...100_000_000)
    agents = AgentModels(
      thinking: try source.required(.thinkingModel), small: try source.required(.smallModel),
      contextTokens: tokens == 0 ? nil : tokens)
    missingProvider = try source.missingProvider(of: providers)
    readTimeout = try source.seconds(.modelReadTimeout, 0.1...3600)
    deadline = try source.seconds(.modelDeadline, 0.1...86_400)
    record = source.optional(.modelRecord)
    replay = source.optional(.modelReplay)
    guard record == nil || replay == nil else {
      throw Settings.Fault(description: "MODEL_RECORD and MODEL_REPLAY exclude each other: set one of them")
    }
    replayKeepsTime = try source.flag(.modelReplayTiming)
    allowsUnpriced = try source.flag(.allowUnpricedModels)
    embeddedDelay = .milliseconds(try source.integer(.embeddedModelDelay, 0...60_000))
  }
}
