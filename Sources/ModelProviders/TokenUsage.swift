/// Tokens that a response used, counted alike for all providers.
package struct TokenUsage: Sendable, Hashable {
  /// Read, those from a cache and those written to one included.
  package var input = 0
  /// Read from a cache.
  package var cached = 0
  /// Written to a cache for some minutes; only Anthropic asks a price of its own for it.
  package var cacheWritten = 0
  /// Written to a cache for an hour.
  package var cacheWrittenForAnHour = 0
  /// Written by the model, reasoning included.
  package var output = 0
  /// Of reasoning.
  package var reasoning = 0

  /// Read and written.
  package var total: Int { input + output }

  /// No tokens.
  package init() {}

  /// The sum of two usages.
  package static func + (left: TokenUsage, right: TokenUsage) -> TokenUsage {
    var sum = left
    sum.input += right.input
    sum.cached += right.cached
    sum.cacheWritten += right.cacheWritten
    sum.cacheWrittenForAnHour += right.cacheWrittenForAnHour
    sum.output += right.output
    sum.reasoning += right.reasoning
    return sum
  }
}
