import CResources
import JSON

/// What models cost, from the one data file that the executable carries.
package struct Prices: Sendable {
  private struct Price: Sendable {
    let input: Double
    let cachedInput: Double
    let output: Double
  }

  private let prices: [String: Price]

  /// The prices of `prices.json`.
  package static let current: Prices = {
    let file = unsafe cresources_prices
    let bytes = unsafe Array(UnsafeBufferPointer(start: file.bytes, count: file.size))
    var prices: [String: Price] = [:]
    // The file is part of the program, and a test reads it.
    for (name, value) in (try? JSONParser.parse(bytes))?["models"]?.object?.members ?? [] {
      guard let input = value["input"]?.number, let output = value["output"]?.number else { continue }
      prices[name] = Price(input: input, cachedInput: value["cached_input"]?.number ?? input, output: output)
    }
    return Prices(prices: prices)
  }()

  /// The names that have a price.
  package var models: [String] { prices.keys.sorted() }

  /// What a response cost in US dollars, or nil when its model has no price.
  ///
  /// A dated name has the price of the longest name in the file that it begins with.
  package func cost(of usage: TokenUsage, model: String) -> Double? {
    let name = prices.keys.filter { model == $0 || model.hasPrefix($0 + "-") }.max { $0.count < $1.count }
    guard let price = name.flatMap({ prices[$0] }) else { return nil }
    let fresh = Double(usage.input - usage.cached) * price.input + Double(usage.cached) * price.cachedInput
    return (fresh + Double(usage.output) * price.output) / 1_000_000
  }
}
