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
