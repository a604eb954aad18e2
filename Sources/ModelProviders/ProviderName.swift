package import Platform

/// The providers whose wire formats are spoken.
package enum ProviderName: String, Sendable, CaseIterable {
  /// OpenAI's Responses API, of OpenAI or any server that speaks it.
  case openAI = "openai"
  /// Anthropic's Messages API.
  case anthropic
  /// Google's Gemini API.
  case gemini

  /// The provider of a model: `claude-` is Anthropic's, `gemini-` Google's, and anything else is asked for at OpenAI's
  /// address, which may be that of a compatible server.
  package init(model: String) {
    let name = model.lowercased()
    if name.hasPrefix("claude-") {
      self = .anthropic
    } else if name.hasPrefix("gemini-") {
      self = .gemini
    } else {
      self = .openAI
    }
  }
}

/// Where a provider is reached, and the key that it wants.
package struct ProviderEndpoint: Sendable {
  /// The address, as the provider's own clients take it.
  package let baseURL: String
  /// The key; nil for a server that wants none.
  package let key: Secret?

  /// A place with a key.
  package init(baseURL: String, key: Secret?) {
    self.baseURL = baseURL.hasSuffix("/") ? String(baseURL.dropLast()) : baseURL
    self.key = key
  }
}
