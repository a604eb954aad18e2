import Foundation
import JSON
import ModelProviders
import Testing

/// The streams of `Tests/Corpus/streams`: every kind of event of the three providers, whole and cut at every byte.
@Suite(.timeLimit(.minutes(1))) struct `Streams of the providers` {
  /// What comes of a stream.
  private enum Outcome: Hashable {
    case answer(ModelResponse, [ModelEvent])
    case failure(ModelError, [ModelEvent])
  }

  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appending(path: "../Corpus/streams")

  static let names: [String] = ["openai", "anthropic", "gemini"].flatMap { provider in
    let files = try? FileManager.default.contentsOfDirectory(atPath: folder.appending(path: provider).path)
    return (files ?? []).filter { $0.hasSuffix(".sse") }.sorted().map { "\(provider)/\($0.dropLast(4))" }
  }

  private static func bytes(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: folder.appending(path: name + ".sse")))
  }

  private static func decoder(_ name: String) -> any StreamDecoder {
    if name.hasPrefix("openai") { return ResponsesStreamDecoder() }
    return name.hasPrefix("anthropic") ? AnthropicStreamDecoder() : GeminiStreamDecoder(model: "gemini-2.5-pro")
  }

  private static func outcome(_ name: String, _ events: [ServerSentEvent]) -> Outcome {
    var decoder = decoder(name)
    var told: [ModelEvent] = []
    do {
      for event in events { told += try decoder.receive(event) }
      return .answer(try decoder.answer(latency: .zero), told)
    } catch { return .failure(error, told) }
  }

  private static func whole(_ name: String) throws -> Outcome {
    var decoder = SSEDecoder()
    return outcome(name, decoder.receive(try bytes(name)))
  }

  /// Every pair of neighbouring pieces of up to 200 bytes gives the events that single bytes give.
  @Test(arguments: names) func `are taken apart alike at every split`(name: String) throws {
    let bytes = try Self.bytes(name)
    var states = [SSEDecoder()]
    var ends: [Int] = [0]
    var events: [ServerSentEvent] = []
    for byte in bytes {
      var state = states[states.count - 1]
      events += state.receive([byte])
      states.append(state)
      ends.append(events.count)
    }
    for split in bytes.indices {
      let (start, end) = (max(0, split - 200), min(bytes.count, split + 200))
      var state = states[start]
      let found = state.receive(Array(bytes[start..<split])) + state.receive(Array(bytes[split..<end]))
      guard found == Array(events[ends[start]..<ends[end]]) else {
        Issue.record("\(name), split at \(split)")
        return
      }
    }
    #expect(Self.outcome(name, events) == (try Self.whole(name)))
  }

  /// Whatever is cut off, there is the whole answer or none.
  @Test(arguments: names) func `give no wrong answer when they are cut`(name: String) throws {
    let bytes = try Self.bytes(name)
    let whole = try Self.whole(name)
    var events = SSEDecoder()
    var decoder = Self.decoder(name)
    var told: [ModelEvent] = []
    var (cut, complete) = (0, 0)
    for byte in bytes {
      for event in events.receive([byte]) {
        do { told += try decoder.receive(event) } catch {
          #expect(Outcome.failure(error, told) == whole)
          #expect(complete == 0)
          return
        }
      }
      do {
        let answer = try decoder.answer(latency: .zero)
        #expect(Outcome.answer(answer, told) == whole)
        complete += 1
      } catch  where error.code == .cutOff {
        cut += 1
        #expect(complete == 0 && error.isRetryable)
      } catch {
        #expect(Outcome.failure(error, told) == whole)
        complete += 1
      }
    }
    #expect(cut > bytes.count / 2)
    #expect(complete > 0)
  }

  static let texts: [(String, String, [Int])] = [
    ("openai/words", "Blåbær og 😀 is\n", [120, 40, 0, 0, 30, 12]),
    ("openai/refusal", "I cannot.", [120, 40, 0, 0, 30, 12]), ("openai/other-tools", "Done", [120, 40, 0, 0, 30, 12]),
    ("openai/reasoning-and-call", "", [120, 40, 0, 0, 30, 12]),
    ("anthropic/words", "Blåbær og 😀 is\n", [400, 300, 15, 5, 50, 9]),
    ("anthropic/thinking-and-call", "Here:", [400, 300, 15, 5, 50, 9]),
    ("anthropic/call-without-arguments", "", [400, 300, 15, 5, 50, 9]),
    ("anthropic/other-blocks", "Done", [400, 300, 15, 5, 50, 9]),
    ("gemini/words", "Blåbær og 😀 is\n", [100, 60, 0, 0, 27, 7]),
    ("gemini/thoughts-and-call", "Here:", [100, 60, 0, 0, 30, 7]),
    ("gemini/signed-words", "One two three", [100, 60, 0, 0, 12, 7]),
    ("gemini/other-parts", "Done", [100, 60, 0, 0, 11, 7]),
  ]

  @Test(arguments: texts) func `give words, deltas and usage`(name: String, text: String, usage: [Int]) throws {
    guard case .answer(let response, let events) = try Self.whole(name) else {
      Issue.record("\(name) gives no answer")
      return
    }
    #expect(response.text == text)
    let deltas = events.compactMap { if case .textDelta(_, let text) = $0 { text } else { nil } }
    // Tools that are not asked for tell no words before their last item.
    if name != "openai/other-tools" { #expect(deltas.joined() == text) }
    let counted = response.usage
    let counts = [
      counted.input, counted.cached, counted.cacheWritten, counted.cacheWrittenForAnHour, counted.output,
      counted.reasoning,
    ]
    #expect(counts == usage)
    let told = events.compactMap { if case .itemCompleted(let item) = $0 { item } else { nil } }
    #expect(told == response.items)
  }

  @Test(arguments: [
    ("openai/reasoning-and-call", ["call_1"]), ("anthropic/thinking-and-call", ["toolu_01A"]),
    ("anthropic/call-without-arguments", ["toolu_01B"]), ("gemini/thoughts-and-call", ["fc-9", "call_rEsP1_3"]),
  ])
  func `give calls with their arguments`(name: String, ids: [String]) throws {
    guard case .answer(let response, let events) = try Self.whole(name) else {
      Issue.record("\(name) gives no answer")
      return
    }
    #expect(response.toolCalls.map(\.callID) == ids)
    let called = try #require(response.toolCalls.first)
    let arguments = try JSONParser.parse(called.arguments)
    if called.name == "submit_patch" { #expect(arguments["description"]?.string == "Ändern") }
    let pieces = events.compactMap { if case .argumentsDelta(_, let text) = $0 { text } else { nil } }
    #expect(response.toolCalls.map(\.arguments).joined().hasPrefix(pieces.joined()))
    let begun = events.compactMap { if case .toolCallStarted(_, let name) = $0 { name } else { nil } }
    #expect(begun == response.toolCalls.map(\.name))
  }

  @Test(arguments: [
    ("openai/incomplete", ModelError.Code.failed, "max_output_tokens", false),
    ("openai/content-filter", .declined, "content_filter", false), ("openai/failed", .failed, "It broke.", true),
    ("openai/error-too-long", .contextTooLong, "context window", false),
    ("anthropic/max-tokens", .failed, "max_tokens", false), ("anthropic/refusal", .declined, "It could harm.", false),
    ("anthropic/model-context-window-exceeded", .contextTooLong, "new session", false),
    ("anthropic/pause-turn", .failed, "pause_turn", false),
    ("anthropic/error-overloaded", .failed, "Overloaded", true),
    ("anthropic/error-invalid", .contextTooLong, "210000 tokens", false),
    ("gemini/finish-max-tokens", .failed, "MAX_TOKENS", false), ("gemini/finish-safety", .declined, "SAFETY", false),
    ("gemini/finish-recitation", .declined, "RECITATION", false),
    ("gemini/finish-language", .declined, "LANGUAGE", false), ("gemini/finish-other", .failed, "OTHER", true),
    ("gemini/finish-blocklist", .declined, "BLOCKLIST", false),
    ("gemini/finish-prohibited-content", .declined, "PROHIBITED_CONTENT", false),
    ("gemini/finish-spii", .declined, "SPII", false),
    ("gemini/finish-malformed-function-call", .failed, "MALFORMED_FUNCTION_CALL", true),
    ("gemini/finish-unexpected-tool-call", .failed, "UNEXPECTED_TOOL_CALL", true),
    ("gemini/finish-malformed-response", .failed, "MALFORMED_RESPONSE", true),
    ("gemini/finish-missing-thought-signature", .failed, "MISSING_THOUGHT_SIGNATURE", false),
    ("gemini/finish-too-many-tool-calls", .failed, "TOO_MANY_TOOL_CALLS", false),
    ("gemini/blocked", .declined, "PROHIBITED_CONTENT", false),
    ("gemini/error-unavailable", .failed, "overloaded", true),
    ("gemini/error-too-long", .contextTooLong, "1048576", false),
  ])
  func `say clearly why there is no answer`(
    name: String, code: ModelError.Code, words: String, isRetryable: Bool
  ) throws {
    guard case .failure(let error, _) = try Self.whole(name) else {
      Issue.record("\(name) gives an answer")
      return
    }
    #expect(error.code == code)
    #expect(error.message.contains(words))
    #expect(error.isRetryable == isRetryable)
  }

  @Test(arguments: [
    ("anthropic", #"{"type":"message_stop"}"#), ("anthropic", #"{"type":"content_block_stop","index":0}"#),
    ("anthropic", #"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#),
    ("anthropic", #"{"type":"message_start"}"#), ("anthropic", #"{"type":"message_delta","delta":{}}"#),
    ("anthropic", #"{"type":"content_block_delta","index":3,"delta":{"type":"text_delta","text":"x"}}"#),
    ("anthropic", "{"), ("gemini", "[]"), ("gemini", "{"), ("gemini", "null"),
    ("gemini", #"{"candidates":[{"content":{"parts":[7]}}]}"#),
    ("gemini", #"{"candidates":[{"content":{"parts":[{"functionCall":{}}]}}]}"#), ("openai", "{"),
    ("openai", #"{"type":"response.completed"}"#),
  ])
  func `refuse what the wire format does not allow`(provider: String, data: String) {
    var events = SSEDecoder()
    let outcome = Self.outcome(provider, events.receive(Array("data: \(data)\n\n".utf8)))
    guard case .failure(let error, _) = outcome else {
      Issue.record("\(data) gives an answer")
      return
    }
    #expect(error.code == .malformed)
    #expect(error.isRetryable)
  }
}
