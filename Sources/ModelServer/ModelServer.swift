import HTTP
import HTTPTypes
import JSON
package import ModelProviders
package import Server

/// The embedded model provider: a server that speaks the wire formats of OpenAI, Anthropic and Gemini on loopback.
///
/// It answers from cassettes when it has a folder of them, and by a small set of rules over Python agent code otherwise
/// (`EmbeddedRules`). It is not a language model and says so. The daemon talks to it over real HTTP, so that the code
/// with and without a key is one.
package struct ModelServer: Sendable {
  private let cassettes: ReplayTransport?
  private let delay: Duration

  /// Bytes of a request.
  private static let bodyLimit = 8 << 20

  /// A provider with an optional folder of cassettes, that pauses between events as a model would.
  package init(cassettes: String? = nil, delay: Duration = .zero) {
    self.cassettes = cassettes.map { ReplayTransport(folder: $0) }
    self.delay = delay
  }

  /// The address at which a provider's own clients find it.
  package static func baseURL(of provider: ProviderName, port: Int) -> String {
    "http://127.0.0.1:\(port)" + (provider == .openAI ? "/v1" : "")
  }

  /// The routes of the three APIs.
  package var router: Router {
    var router = Router()
    router.add(.post, "/v1/responses") { [self] request in
      try await answer(request, ResponsesFormat.self) { $0["stream"]?.bool == true }
    }
    router.add(.post, "/v1/messages") { [self] request in
      try await answer(request, MessagesFormat.self) { $0["stream"]?.bool == true }
    }
    router.add(.post, "/v1/messages/count_tokens") { [self] request in
      try await answering(MessagesFormat.self) {
        let body = try await body(of: request)
        _ = try MessagesFormat.counted(body)
        return .json(["input_tokens": .integer(EmbeddedAnswer.tokens(of: body))])
      }
    }
    for version in ["/v1beta", "/v1"] {
      router.add(.post, version + "/models/{target}") { [self] request in try await gemini(request) }
      ModelList.add(to: &router, version)
      for method in [HTTPRequest.Method.get, .post, .delete] {
        router.add(method, version + "/{rest...}") { request in
          Self.refuse(WireFault("nothing is served at \(request.head.path)", status: .notFound), request)
        }
      }
    }
    return router
  }

  /// Whose client asks: the three have some paths in common.
  static func provider(of request: Request) -> ProviderName {
    let fields = request.head.fields
    if fields["anthropic-version"] != nil { return .anthropic }
    let isGemini = fields["x-goog-api-key"] != nil || request.head.path.hasPrefix("/v1beta/")
    return isGemini ? .gemini : .openAI
  }

  /// An error in the form of the provider whose client asks.
  static func refuse(_ fault: WireFault, _ request: Request) -> Response {
    switch provider(of: request) {
    case .openAI: refuse(fault, ResponsesFormat.self)
    case .anthropic: refuse(fault, MessagesFormat.self)
    case .gemini: refuse(fault, GeminiFormat.self)
    }
  }

  private static func refuse<Format: WireFormat>(_ fault: WireFault, _: Format.Type) -> Response {
    .json(Format.error(fault), fault.status)
  }

  /// The method of a model that the last segment of the path names, `MODEL:METHOD`.
  private func gemini(_ request: Request) async throws -> Response {
    let target = request.parameters["target"] ?? ""
    switch target.split(separator: ":").last {
    case "generateContent": return try await answer(request, GeminiFormat.self) { _ in false }
    case "streamGenerateContent":
      guard request.query("alt") == "sse" else {
        return Self.refuse(WireFault("only streams of server-sent events are served: add alt=sse"), GeminiFormat.self)
      }
      return try await answer(request, GeminiFormat.self) { _ in true }
    case "countTokens":
      return try await answering(GeminiFormat.self) {
        let body = try await body(of: request)
        return .json(["totalTokens": .integer(EmbeddedAnswer.tokens(of: body))])
      }
    default:
      return Self.refuse(WireFault("there is no method at '\(target)'", status: .notFound), GeminiFormat.self)
    }
  }

  private func answer<Format: WireFormat>(
    _ request: Request, _ format: Format.Type, isStreamed: (JSONValue) -> Bool
  ) async throws -> Response {
    try await answering(format) {
      let body = try await body(of: request)
      if let recorded = await recorded(request, body) { return Self.replay(recorded) }
      let answer = Format(EmbeddedRules.answer(to: try Format.question(of: body)), to: body)
      return isStreamed(body) ? stream(answer.events) : .json(answer.whole)
    }
  }

  private func answering<Format: WireFormat>(
    _ format: Format.Type, _ work: () async throws -> Response
  ) async throws -> Response {
    do { return try await work() } catch let fault as WireFault {
      return Self.refuse(fault, format)
    } catch let problem as Problem {
      return Self.refuse(WireFault(problem.detail, status: problem.status), format)
    }
  }

  private func body(of request: Request) async throws -> JSONValue {
    let bytes = try await request.body.collect(upTo: Self.bodyLimit)
    do { return try JSONParser.parse(bytes) } catch { throw WireFault("the body must be JSON: \(error)") }
  }

  private func recorded(_ request: Request, _ body: JSONValue) async -> TransportResponse? {
    let query = request.head.query.map { "?" + $0 } ?? ""
    let url = "http://model" + request.head.path + query
    // A question that was not recorded is answered by the rules.
    return try? await cassettes?.send(TransportRequest(url: url, body: body.encodedBytes))
  }

  private func stream(_ events: [[UInt8]]) -> Response {
    let delay = delay
    return Response(
      .ok, fields: HeaderFields([("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache")]),
      body: .stream { writer in
        for event in events {
          if delay > .zero { try await Task.sleep(for: delay) }
          try await writer.write(event)
        }
      })
  }

  private static func replay(_ recorded: TransportResponse) -> Response {
    let body = recorded.body
    return Response(
      HTTPResponse.Status(code: recorded.status),
      fields: HeaderFields(recorded.fields.map { ($0.name, $0.value) }),
      body: .stream { writer in while let chunk = try await body() { try await writer.write(chunk) } })
  }
}
