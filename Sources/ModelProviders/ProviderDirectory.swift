import Platform

/// All providers as one: a request goes to the provider of its model.
package struct ProviderDirectory: ModelProvider {
  /// The providers that can be reached.
  package let endpoints: [ProviderName: ProviderEndpoint]
  private let transport: any ModelTransport
  private let retry: RetryPolicy

  /// Providers at these places.
  package init(
    _ endpoints: [ProviderName: ProviderEndpoint], transport: any ModelTransport, retry: RetryPolicy = RetryPolicy()
  ) {
    self.endpoints = endpoints
    self.transport = transport
    self.retry = retry
  }

  /// Asks the provider of the request's model.
  package func respond(
    to request: ModelRequest, onEvent: @escaping @Sendable (ModelEvent) async throws -> Void
  ) async throws -> ModelResponse {
    let name = ProviderName(model: request.model)
    guard let endpoint = endpoints[name] else {
      throw ModelError(
        .notConfigured, "the model '\(request.model.prefix(100))' needs a key of \(name.title): \(name.remedy)",
        isRetryable: false)
    }
    return try await provider(name, endpoint).respond(to: request, onEvent: onEvent)
  }

  private func provider(_ name: ProviderName, _ endpoint: ProviderEndpoint) -> any ModelProvider {
    // A server without keys is sent one all the same, as the official clients do.
    let key = endpoint.key ?? Secret("none")
    return switch name {
    case .openAI:
      OpenAIResponsesProvider(baseURL: endpoint.baseURL, key: key, transport: transport, retry: retry)
    case .anthropic:
      AnthropicMessagesProvider(baseURL: endpoint.baseURL, key: key, transport: transport, retry: retry)
    case .gemini: GeminiProvider(baseURL: endpoint.baseURL, key: key, transport: transport, retry: retry)
    }
  }
}

extension ProviderName {
  /// What people call it.
  package var title: String {
    switch self {
    case .openAI: "OpenAI"
    case .anthropic: "Anthropic"
    case .gemini: "Gemini"
    }
  }

  /// The settings that make it reachable.
  package var remedy: String {
    switch self {
    case .openAI: "set OPENAI_API_KEY, or OPENAI_BASE_URL for a server of your own"
    case .anthropic: "set ANTHROPIC_API_KEY, or ANTHROPIC_BASE_URL for a server of your own"
    case .gemini: "set GEMINI_API_KEY, or GOOGLE_GEMINI_BASE_URL for a server of your own"
    }
  }
}
