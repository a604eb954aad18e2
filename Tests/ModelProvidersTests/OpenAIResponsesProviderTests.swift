import Foundation
import HTTP
import HTTPTypes
import JSON
import ModelProviders
import Platform
import Server
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct `OpenAI Responses provider` {
  /// What a scripted endpoint answers, request by request; the last again and again.
  private final class Script: Sendable {
    let answers: [Response]
    private let count = Mutex(0)

    init(_ answers: [Response]) { self.answers = answers }

    var requests: Int { count.withLock { $0 } }

    func next() -> Response {
      count.withLock { count in
        count += 1
        return answers[min(count, answers.count) - 1]
      }
    }
  }

  private static let events = [
    "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\"}}\n\n",
    "event: response.new_kind\ndata: {\"type\":\"response.new_kind\"}\n\n",
    "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"item_id\":\"m\",\"delta\":\"Hé\"}\n\n",
    "event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"item\":{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"Hé\"}]}}\n\n",
    """
    event: response.completed\ndata: {"type":"response.completed","response":{"id":"resp_1","model":"gpt-5-x",\
    "status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":"Hé"}]}],"usage":\
    {"input_tokens":9,"input_tokens_details":{"cached_tokens":4},"output_tokens":3,"output_tokens_details":\
    {"reasoning_tokens":1},"total_tokens":12}}}\n\n
    """,
  ]

  private static func stream(_ text: String) -> Response {
    Response(
      .ok, fields: HeaderFields([("content-type", "text/event-stream")]),
      body: .stream { writer in
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: 7) {
          try await writer.write(Array(bytes[start..<min(start + 7, bytes.count)]))
        }
      })
  }

  private static func failure(_ status: HTTPResponse.Status, _ fields: [(String, String)] = []) -> Response {
    var response = Response.json(["error": ["message": "no luck"]], status)
    for (name, value) in fields { response.fields[name] = value }
    return response
  }

  private static func ask(
    _ answers: [Response], through wrap: @escaping @Sendable (any ModelTransport) throws -> any ModelTransport = { $0 }
  ) async throws -> (result: Result<ModelResponse, any Error>, requests: Int, events: [ModelEvent]) {
    let script = Script(answers)
    var router = Router()
    router.add(.post, "/v1/responses") { request in
      _ = try await request.body.collect(upTo: 1 << 20)
      return script.next()
    }
    let network = NetworkTransport(headTimeout: .seconds(30))
    let events = Mutex<[ModelEvent]>([])
    let result = try await withServer(router) { port in
      var retry = RetryPolicy()
      retry.firstDelay = .milliseconds(1)
      let provider = OpenAIResponsesProvider(
        baseURL: "http://127.0.0.1:\(port)/v1/", key: Secret("sk-secret"), transport: try wrap(network), retry: retry)
      do {
        let request = ModelRequest(
          model: "gpt-5", instructions: "Be brief.", input: [["role": "user", "content": "Hi"]])
        return Result<ModelResponse, any Error>.success(
          try await provider.respond(to: request) { event in events.withLock { $0.append(event) } })
      } catch {
        return .failure(error)
      }
    }
    await network.close()
    return (result, script.requests, events.withLock { $0 })
  }

  @Test func `reads a whole stream`() async throws {
    let ran = try await Self.ask([Self.stream(Self.events.joined())])
    let response = try ran.result.get()
    #expect(response.text == "Hé")
    #expect(response.model == "gpt-5-x")
    let usage: [Int] = [
      response.usage.input, response.usage.cached, response.usage.output, response.usage.reasoning,
    ]
    #expect(usage == [9, 4, 3, 1] as [Int])
    #expect(ran.events.first == .textDelta(itemID: "m", text: "Hé"))
    let raw = try JSONParser.parse(response.raw)
    #expect(raw["id"]?.string == "resp_1")
  }

  @Test(arguments: 0..<5)
  func `asks again when the stream is cut`(events: Int) async throws {
    let cut = Self.stream(Self.events.prefix(events).joined() + "event: resp")
    let ran = try await Self.ask([cut, Self.stream(Self.events.joined())])
    #expect(try ran.result.get().text == "Hé")
    #expect(ran.requests == 2)
    let retried = ran.events.contains { if case .retrying = $0 { true } else { false } }
    #expect(retried)
  }

  @Test(arguments: [
    (HTTPResponse.Status.unauthorized, 1), (.badRequest, 1), (.tooManyRequests, 3), (.internalServerError, 3),
    (.requestTimeout, 3), (.conflict, 3), (.badGateway, 3), (.forbidden, 1),
  ])
  func `asks again only when it may help`(status: HTTPResponse.Status, requests: Int) async throws {
    let ran = try await Self.ask([Self.failure(status)])
    #expect(ran.requests == requests)
    let error = #expect(throws: ModelError.self) { try ran.result.get() }
    #expect(error?.status == status.code)
    #expect(error?.message.contains("no luck") == true)
    #expect(error?.message.contains("sk-secret") == false)
  }

  @Test func `does as the provider says about asking again`() async throws {
    let never = try await Self.ask([Self.failure(.serviceUnavailable, [("x-should-retry", "false")])])
    #expect(never.requests == 1)
    let soon = try await Self.ask([
      Self.failure(.tooManyRequests, [("retry-after-ms", "3")]), Self.stream(Self.events.joined()),
    ])
    #expect(try soon.result.get().text == "Hé")
    #expect(soon.events.first == .retrying(reason: "the model provider answered 429: no luck", delay: .milliseconds(3)))
  }

  @Test(arguments: [
    "event: error\ndata: {\"type\":\"error\",\"code\":\"x\",\"message\":\"broken\"}\n\n",
    "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"x\",\"message\":\"broken\"}}}\n\n",
    "event: response.incomplete\ndata: {\"type\":\"response.incomplete\",\"response\":{\"incomplete_details\":{\"reason\":\"broken\"}}}\n\n",
  ])
  func `reports what the model reports`(event: String) async throws {
    let ran = try await Self.ask([Self.stream(event)])
    let error = #expect(throws: ModelError.self) { try ran.result.get() }
    #expect(error?.message.contains("broken") == true)
    #expect(ran.requests == 1)
  }

  @Test(arguments: [
    "<html>oops</html>", "data: {broken\n\n", "data: [1,2]\n\n", "", "data: {\"type\":\"response.completed\"}\n\n",
  ])
  func `survives nonsense`(text: String) async throws {
    let ran = try await Self.ask([Self.stream(text)])
    #expect(throws: ModelError.self) { try ran.result.get() }
    #expect(ran.requests == 3)
  }

  @Test func `says when nobody is there`() async throws {
    let network = NetworkTransport()
    let provider = OpenAIResponsesProvider(
      baseURL: "http://127.0.0.1:1/v1", key: Secret("k"), transport: network, retry: RetryPolicy(attempts: 1))
    await #expect(throws: ModelError.self) {
      try await provider.respond(to: ModelRequest(model: "m", instructions: "", input: [])) { _ in }
    }
    await network.close()
  }

  @Test func `replays what was recorded, byte for byte, and nothing else`() async throws {
    try await withTemporaryFolder { folder in
      let path = folder.path
      let recorded = try await Self.ask([Self.stream(Self.events.joined())]) {
        try RecordingTransport($0, folder: path)
      }
      let replayed = try await Self.ask([Self.failure(.internalServerError)]) { _ in ReplayTransport(folder: path) }
      #expect(replayed.requests == 0)
      #expect(replayed.events == recorded.events)
      #expect(try replayed.result.get().raw == recorded.result.get().raw)
      let files = try FileManager.default.contentsOfDirectory(atPath: path)
      let text = try String(contentsOfFile: path + "/" + (files.first ?? ""), encoding: .utf8)
      #expect(!text.contains("sk-secret"))
      try FileManager.default.removeItem(atPath: path + "/" + (files.first ?? ""))
      let unknown = try await Self.ask([Self.failure(.internalServerError)]) { _ in ReplayTransport(folder: path) }
      let error = #expect(throws: ModelError.self) { try unknown.result.get() }
      #expect(error?.code == .unknownRequest)
    }
  }
}
