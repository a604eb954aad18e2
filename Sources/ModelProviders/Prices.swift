import CResources
import JSON

/// What models cost, from the one data file that the executable carries.
package struct Prices: Sendable {
  /// US dollars for a million tokens.
  package struct Price: Sendable, Hashable {
    /// Read.
    package let input: Double
    /// Read from a cache.
    package let cachedInput: Double
    /// Written to a cache for some minutes.
    package let cacheWrite: Double
    /// Written to a cache for an hour.
    package let cacheWriteForAnHour: Double
    /// Written by the model.
    package let output: Double

    fileprivate init?(_ value: JSONValue) {
      guard let input = value["input"]?.number, let output = value["output"]?.number else { return nil }
      self.input = input
      self.output = output
      cachedInput = value["cached_input"]?.number ?? input
      cacheWrite = value["cache_write"]?.number ?? input
      cacheWriteForAnHour = value["cache_write_1h"]?.number ?? cacheWrite
    }

    fileprivate func cost(of usage: TokenUsage) -> Double {
      let fresh = usage.input - usage.cached - usage.cacheWritten - usage.cacheWrittenForAnHour
      let read = Double(fresh) * input + Double(usage.cached) * cachedInput
      let kept = Double(usage.cacheWritten) * cacheWrite + Double(usage.cacheWrittenForAnHour) * cacheWriteForAnHour
      return (read + kept + Double(usage.output) * output) / 1_000_000
    }
  }

  /// The prices of a model; those of long requests are others for some.
  package struct Entry: Sendable {
    /// The prices.
    package let price: Price
    /// The prices of a request that reads more tokens than the limit.
    package let long: (limit: Int, price: Price)?

    fileprivate init?(_ value: JSONValue) {
      guard let price = Price(value) else { return nil }
      self.price = price
      let above = value["above"]
      long = above.flatMap(Price.init).map { (above?["input_tokens"]?.integer ?? 0, $0) }
    }
  }

  private let entries: [String: Entry]

  /// The prices of `prices.json`.
  package static let current: Prices = {
    let file = unsafe cresources_prices
    let bytes = unsafe Array(UnsafeBufferPointer(start: file.bytes, count: file.size))
    var entries: [String: Entry] = [:]
    // The file is part of the program, and a test reads it.
    for (name, value) in (try? JSONParser.parse(bytes))?["models"]?.object?.members ?? [] {
      entries[name] = Entry(value)
    }
    return Prices(entries: entries)
  }()

  /// The names that have a price.
  package var models: [String] { entries.keys.sorted() }

  /// The prices of a model, or nil when it has none.
  ///
  /// A dated name, and one of a preview, has the prices of the longest name in the file that stands before the date.
  package func entry(for model: String) -> Entry? {
    if let entry = entries[model] { return entry }
    let names = entries.keys.filter { model.hasPrefix($0 + "-") && Self.isVersion(model.dropFirst($0.count + 1)) }
    return names.max { $0.count < $1.count }.flatMap { entries[$0] }
  }

  /// What a response cost in US dollars, or nil when its model has no price.
  package func cost(of usage: TokenUsage, model: String) -> Double? {
    guard let entry = entry(for: model) else { return nil }
    if let long = entry.long, usage.input > long.limit { return long.price.cost(of: usage) }
    return entry.price.cost(of: usage)
  }

  /// Whether what follows a model's name says when it was made, not that it is another model: `-mini` is another one.
  private static func isVersion(_ suffix: Substring) -> Bool {
    suffix.wholeMatch(of: /(preview|exp|latest)?-?(\d{8}|\d{4}-\d\d-\d\d|\d\d-\d{4}|\d\d-\d\d|\d{3})?/) != nil
  }
}
