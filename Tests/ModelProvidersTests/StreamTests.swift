import ModelProviders
import Testing

@Suite struct `Server-sent events` {
  @Test(arguments: [
    ("data: a\n\n", [["message", "a"]]), ("event: x\ndata: a\ndata: b\n\n", [["x", "a\nb"]]),
    ("data:a\r\n\r\ndata:b\r\r", [["message", "a"], ["message", "b"]]), (": comment\n\n", []), ("event: x\n\n", []),
    ("\u{FEFF}data: a\n\n", [["message", "a"]]), ("data\n\n", [["message", ""]]),
    ("data:  a\n\n", [["message", " a"]]),
    ("id: 7\nretry: 10\ndata: a\n\n", [["message", "a"]]), ("data: unfinished", []),
    ("data: a\nnonsense\n\n", [["message", "a"]]),
  ])
  func `are taken apart at every split`(text: String, wanted: [[String]]) {
    let bytes = Array(text.utf8)
    for split in 0...bytes.count {
      var decoder = SSEDecoder()
      let events = decoder.receive(Array(bytes[..<split])) + decoder.receive(Array(bytes[split...]))
      #expect(events.map { [$0.name, $0.data] } == wanted)
    }
  }
}

@Suite struct `Prices of models` {
  @Test func `are by the longest name`() throws {
    var usage = TokenUsage()
    (usage.input, usage.cached, usage.output) = (1_000_000, 500_000, 1_000_000)
    let mini = try #require(Prices.current.cost(of: usage, model: "gpt-5-mini-2025-08-07"))
    #expect(abs(mini - (0.125 + 0.0125 + 2)) < 1e-9)
    let large = try #require(Prices.current.cost(of: usage, model: "gpt-5"))
    #expect(large > mini)
    #expect(Prices.current.cost(of: usage, model: "gpt-50") == nil)
    #expect(Prices.current.cost(of: usage, model: "embedded-rules") == 0)
  }
}

@Suite struct `Prices of Claude and Gemini` {
  private static func usage(_ input: Int, cached: Int = 0, written: Int = 0, forAnHour: Int = 0) -> TokenUsage {
    var usage = TokenUsage()
    (usage.input, usage.cached, usage.cacheWritten) = (input, cached, written)
    (usage.cacheWrittenForAnHour, usage.output) = (forAnHour, 1000)
    return usage
  }

  @Test(arguments: [
    ("claude-sonnet-4-5-20250929", usage(10_000, cached: 4000, written: 2000, forAnHour: 1000), 0.0387),
    ("claude-sonnet-4-5", usage(200_001), 1.222506), ("claude-opus-5-5", usage(1000, cached: 1000), 0.0202),
    ("claude-haiku-5-5", usage(100_000), 0.0105), ("claude-haiku-5-5", usage(100_001), 0.0525005),
    ("gemini-2.5-pro", usage(200_000, cached: 100_000), 0.1475),
    ("gemini-2.5-pro", usage(300_000, cached: 100_000), 0.54),
    ("gemini-3-pro-preview", usage(1000), 0.014), ("gemini-2.5-flash-lite-preview-09-2025", usage(1000), 0.0005),
    ("gpt-5-latest", usage(1000), 0.01125),
  ])
  func `are those of the name, the cache and the length`(model: String, usage: TokenUsage, dollars: Double) throws {
    let cost = try #require(Prices.current.cost(of: usage, model: model))
    #expect(abs(cost - dollars) < 1e-9)
  }

  @Test(arguments: [
    "claude-sonnet-9", "claude-opus-4", "gemini-2.5-pro-image", "gpt-5-chat", "gpt-5-mini-high", "llama", "", "gpt",
  ])
  func `are unknown for another model`(model: String) {
    #expect(Prices.current.cost(of: TokenUsage(), model: model) == nil)
  }

  @Test func `are there for every model of the file`() {
    #expect(Prices.current.models.count > 30)
    for model in Prices.current.models { #expect(Prices.current.entry(for: model) != nil) }
  }
}
