package import JSON

/// What the providers write about usage, each in its own words. What is missing or no count is none.
///
/// |                | OpenAI          | Anthropic                  | Gemini                           |
/// |----------------|-----------------|----------------------------|----------------------------------|
/// | input holds    | cached tokens   | neither reads nor writes of the cache | cached tokens         |
/// | output holds   | reasoning       | thinking                   | candidates, without the thoughts |
extension TokenUsage {
  /// The `usage` of a response of OpenAI's Responses API.
  package static func openAI(_ usage: JSONValue?) -> TokenUsage {
    var counted = TokenUsage()
    counted.input = count(usage, "input_tokens")
    counted.cached = min(counted.input, count(usage?["input_tokens_details"], "cached_tokens"))
    counted.output = count(usage, "output_tokens")
    counted.reasoning = min(counted.output, count(usage?["output_tokens_details"], "reasoning_tokens"))
    return counted
  }

  /// The `usage` of a message of Anthropic's Messages API.
  ///
  /// In a stream the events `message_start` and `message_delta` have one each, and both count from the beginning: merge
  /// the later one's members into the earlier one's.
  package static func anthropic(_ usage: JSONValue?) -> TokenUsage {
    var counted = TokenUsage()
    counted.cached = count(usage, "cache_read_input_tokens")
    let written = count(usage, "cache_creation_input_tokens")
    counted.cacheWrittenForAnHour = min(written, count(usage?["cache_creation"], "ephemeral_1h_input_tokens"))
    counted.cacheWritten = written - counted.cacheWrittenForAnHour
    counted.input = count(usage, "input_tokens") + counted.cached + written
    counted.output = count(usage, "output_tokens")
    counted.reasoning = min(counted.output, count(usage?["output_tokens_details"], "thinking_tokens"))
    return counted
  }

  /// The `usageMetadata` of a response of the Gemini API; in a stream, of the last chunk that has one.
  package static func gemini(_ usage: JSONValue?) -> TokenUsage {
    var counted = TokenUsage()
    counted.input = count(usage, "promptTokenCount") + count(usage, "toolUsePromptTokenCount")
    counted.cached = min(counted.input, count(usage, "cachedContentTokenCount"))
    counted.reasoning = count(usage, "thoughtsTokenCount")
    counted.output = count(usage, "candidatesTokenCount") + counted.reasoning
    return counted
  }

  /// A count; bounded, so that no sum of counts overflows whatever a provider claims.
  private static func count(_ value: JSONValue?, _ name: String) -> Int {
    min(max(0, value?[name]?.integer ?? 0), 1 << 40)
  }
}
