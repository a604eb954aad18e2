package import JSON

/// Reads what a call used out of the bytes of its answer as they pass, in each provider's format, streamed or whole.
///
/// Of a stream it keeps the event that is not complete, of a whole answer the few members that tell of usage.
package struct UsageReader: Sendable {
  /// What an answer tells of its usage.
  package struct Report: Sendable, Hashable {
    /// The tokens; nil while nothing was told.
    package var usage: TokenUsage?
    /// The model that answered, by the provider's name.
    package var model: String?
    /// Whether the answer itself says that it failed.
    package var isFailure = false
    /// Whether the tokens are those of the whole answer.
    package var isFinal = false
  }

  /// Bytes of one event that are kept to be read; a stream with a larger one is not read any further.
  package static let longestEvent = 16 << 20

  private let provider: ProviderName
  private let isStream: Bool
  private var decoder = SSEDecoder()
  private var scanner = JSONMemberScanner(names: ["usage", "usageMetadata", "model", "modelVersion", "error"])
  /// The members of all usage objects so far: later ones count on from earlier ones, or repeat them.
  private var members = JSONObject()
  private var isBroken = false
  private var report = Report()

  /// A reader of an answer with that content type.
  package init(provider: ProviderName, contentType: String) {
    self.provider = provider
    isStream = contentType.lowercased().hasPrefix("text/event-stream")
  }

  /// Takes more bytes of the answer.
  package mutating func receive(_ bytes: [UInt8]) {
    guard !isBroken else { return }
    guard isStream else {
      for (name, value) in scanner.receive(bytes) { take(name, value) }
      return
    }
    for event in decoder.receive(bytes) { take(event) }
    if decoder.pendingCount > Self.longestEvent { isBroken = true }
  }

  /// What is known so far; `isWhole` says that the answer has come to its end.
  package func report(isWhole: Bool) -> Report {
    var report = report
    guard !members.members.isEmpty else { return report }
    let value = JSONValue.object(members)
    switch provider {
    case .openAI: report.usage = members["prompt_tokens"] == nil ? .openAI(value) : .chatCompletions(value)
    case .anthropic: report.usage = .anthropic(value)
    case .gemini: report.usage = .gemini(value)
    }
    // Whole answers and Gemini's last chunk are known as such only by the end of the body.
    if isWhole, !isBroken, !isStream || provider == .gemini { report.isFinal = true }
    return report
  }

  private mutating func take(_ event: ServerSentEvent) {
    // Most events are words: only those that can tell something are read.
    guard ["usage", "\"error\"", ".failed"].contains(where: { event.data.utf8.contains($0.utf8) }) else { return }
    guard let value = try? JSONParser.parse(event.data) else { return }
    let answer = value["response"] ?? value["message"] ?? value
    let type = value["type"]?.string ?? ""
    if type == "response.failed" || type == "error" || value["error"]?.object != nil { report.isFailure = true }
    for name in ["model", "modelVersion", "usage", "usageMetadata"] {
      if let member = answer[name] { take(name, member) }
    }
    switch provider {
    case .openAI: if answer["usage"]?.object != nil { report.isFinal = true }
    case .anthropic: if type == "message_delta", value["usage"]?.object != nil { report.isFinal = true }
    case .gemini: break
    }
  }

  private mutating func take(_ name: String, _ value: JSONValue) {
    switch name {
    case "model", "modelVersion": report.model = value.string ?? report.model
    case "error": if value.object != nil { report.isFailure = true }
    default:
      for (name, value) in value.object?.members ?? [] where !value.isNull { members[name] = value }
    }
  }
}

extension TokenUsage {
  /// The `usage` of a response of OpenAI's Chat Completions, Completions and Embeddings.
  package static func chatCompletions(_ usage: JSONValue?) -> TokenUsage {
    openAI([
      "input_tokens": usage?["prompt_tokens"] ?? nil, "output_tokens": usage?["completion_tokens"] ?? nil,
      "input_tokens_details": usage?["prompt_tokens_details"] ?? nil,
      "output_tokens_details": usage?["completion_tokens_details"] ?? nil,
    ])
  }
}

extension String.UTF8View {
  /// Whether some bytes stand anywhere in it.
  fileprivate func contains(_ other: String.UTF8View) -> Bool {
    guard let first = other.first else { return true }
    var rest = self[...]
    while let index = rest.firstIndex(of: first) {
      if rest[index...].starts(with: other) { return true }
      rest = rest[rest.index(after: index)...]
    }
    return false
  }
}
