extension Prices {
  /// The most that a call can cost, in US dollars, or nil when its model has no price.
  ///
  /// Input has one price when it is read anew and others when it comes from a cache or goes into one: the highest counts.
  package func worstCase(of call: ModelCall) -> Double? {
    var (fresh, cached, written) = (TokenUsage(), TokenUsage(), TokenUsage())
    (fresh.input, fresh.output) = (call.inputBound, call.outputBound)
    cached = fresh
    cached.cached = call.inputBound
    written = fresh
    written.cacheWrittenForAnHour = call.inputBound
    return [fresh, cached, written].compactMap { cost(of: $0, model: call.model) }.max()
  }
}
