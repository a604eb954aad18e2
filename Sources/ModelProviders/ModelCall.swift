import JSON

/// A request that makes a model work, as far as its price goes: which model, and how much it may read and write.
///
/// It is read off the request as it goes over the wire, so that agents and programs behind the gateway are judged alike.
package struct ModelCall: Sendable, Hashable {
  /// The provider.
  package let provider: ProviderName
  /// The model by the name of the request; `unknown` when it names none.
  package let model: String
  /// Most tokens that the request can have: a token has at least a byte.
  package let inputBound: Int
  /// Most tokens that may be written in answer.
  package let outputBound: Int
  /// For whom.
  package let caller: ModelCaller

  /// What a model is taken to write at the most when the request sets no limit: as much as any of today's can.
  package static let unlimitedOutput = 128_000

  private static let wanted: Set<String> = [
    "model", "max_output_tokens", "max_completion_tokens", "max_tokens", "n", "generationConfig", "generation_config",
  ]
  /// POST requests that make no model work.
  private static let free = ["/count_tokens", ":countTokens", "/input_tokens", "/cancel"]

  /// A call with these bounds.
  package init(provider: ProviderName, model: String, inputBound: Int, outputBound: Int, caller: ModelCaller) {
    self.provider = provider
    self.model = model
    self.inputBound = inputBound
    self.outputBound = outputBound
    self.caller = caller
  }

  /// What a request asks of a model; nil when it asks nothing, as a look at the list of models.
  package init?(_ request: TransportRequest) {
    let path = request.path
    guard request.method == "POST", !Self.free.contains(where: path.hasSuffix) else { return nil }
    var members: [String: JSONValue] = [:]
    var scanner = JSONMemberScanner(names: Self.wanted)
    // Of two members with one name the later counts, as for most servers.
    for (name, value) in scanner.receive(request.body) { members[name] = value }
    provider = request.provider ?? Self.provider(ofPath: path)
    model = Self.model(inPath: path) ?? members["model"]?.string ?? "unknown"
    inputBound = request.body.count
    outputBound = Self.outputBound(members, path: path)
    caller = request.caller
  }

  /// The provider whose format has such a path.
  private static func provider(ofPath path: String) -> ProviderName {
    if path.hasSuffix("/messages") { return .anthropic }
    return model(inPath: path) != nil ? .gemini : .openAI
  }

  /// The model of `/v1beta/models/MODEL:generateContent`.
  private static func model(inPath path: String) -> String? {
    let segments = path.split(separator: "/")
    guard let last = segments.last, let colon = last.firstIndex(of: ":"), segments.dropLast().last == "models" else {
      return nil
    }
    return String(last[..<colon])
  }

  private static func outputBound(_ members: [String: JSONValue], path: String) -> Int {
    if path.hasSuffix("/embeddings") || path.hasSuffix(":embedContent") || path.hasSuffix(":batchEmbedContents") {
      return 0
    }
    let generation = members["generationConfig"] ?? members["generation_config"]
    let limit =
      members["max_output_tokens"]?.integer ?? members["max_completion_tokens"]?.integer
      ?? members["max_tokens"]?.integer ?? generation?["maxOutputTokens"]?.integer
      ?? generation?["max_output_tokens"]?.integer
    let answers = members["n"]?.integer ?? generation?["candidateCount"]?.integer ?? 1
    return min(max(0, limit ?? unlimitedOutput), 1 << 32) * min(max(1, answers), 1024)
  }
}
