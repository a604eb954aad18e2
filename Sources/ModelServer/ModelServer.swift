import HTTP
import HTTPTypes
import JSON
import ModelProviders
package import Server

/// The embedded model provider: a server that speaks OpenAI's Responses API on loopback.
///
/// It answers from cassettes when it has a folder of them, and by a small set of rules over Python agent code otherwise
/// (`EmbeddedRules`). It is not a language model and says so. The daemon talks to it over real HTTP, so that the code
/// with and without a key is one.
package struct ModelServer: Sendable {
  private let cassettes: ReplayTransport?
  private let delay: Duration

  /// The path below which the API is served, to be put behind `http://HOST:PORT`.
  package static let basePath = "/v1"

  /// A provider with an optional folder of cassettes, that pauses between events as a model would.
  package init(cassettes: String? = nil, delay: Duration = .zero) {
    self.cassettes = cassettes.map { ReplayTransport(folder: $0) }
    self.delay = delay
  }

  /// The routes of the API.
  package var router: Router {
    var router = Router()
    router.add(.post, Self.basePath + "/responses") { [self] request in try await responses(request) }
    router.add(.get, Self.basePath + "/models") { _ in
      .json([
        "object": "list",
        "data": [["id": .string(ResponsesAnswer.model), "object": "model", "created": 0, "owned_by": "vibegrapher"]],
      ])
    }
    return router
  }

  private func responses(_ request: Request) async throws -> Response {
    let bytes = try await request.body.collect(upTo: 8 << 20)
    if let cassettes {
      let recorded = try? await cassettes.send(TransportRequest(url: "http://model" + request.head.path, body: bytes))
      if let recorded { return Self.replay(recorded) }
    }
    let body: JSONValue
    do { body = try JSONParser.parse(bytes) } catch { return Self.invalid("the body must be JSON: \(error)") }
    guard body["model"]?.string != nil else { return Self.invalid("the body must name a model") }
    let answer = ResponsesAnswer(output: EmbeddedRules.answer(to: body), request: body)
    guard body["stream"]?.bool == true else { return .json(answer.response(status: "completed")) }
    let delay = delay
    return Response(
      .ok, fields: HeaderFields([("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache")]),
      body: .stream { writer in
        for event in answer.events {
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

  private static func invalid(_ message: String) -> Response {
    .json(
      ["error": ["message": .string(message), "type": "invalid_request_error", "param": nil, "code": nil]], .badRequest)
  }
}
