/// The models that have a price, and those that are used.
package struct ModelCatalogue: Sendable {
  /// A model.
  package struct Model: Sendable {
    /// Its name.
    package let id: String
    /// Who answers for it: a provider's name, or `embedded`.
    package let provider: String
    /// Whether that one can be reached.
    package let isAvailable: Bool
    /// What the daemon uses it for.
    package let uses: [String]
    /// Its prices; nil when they are not known.
    package let entry: Prices.Entry?
  }

  /// The name of the embedded provider's model.
  private static let embedded = "embedded-rules"

  /// The models by name.
  package let models: [Model]

  /// No models.
  package init() { models = [] }

  /// The models, when these providers can be reached and these models are used; without a provider the embedded one
  /// answers for each.
  package init(available: Set<ProviderName>, uses: [(use: String, model: String)], prices: Prices = .current) {
    let names = Set(prices.models).union(uses.map(\.model))
    models = names.sorted().map { name in
      let provider = ProviderName(model: name)
      let isEmbedded = name == Self.embedded
      return Model(
        id: name, provider: isEmbedded ? "embedded" : provider.rawValue,
        isAvailable: isEmbedded ? available.isEmpty : available.contains(provider),
        uses: uses.filter { $0.model == name }.map(\.use), entry: prices.entry(for: name))
    }
  }
}
