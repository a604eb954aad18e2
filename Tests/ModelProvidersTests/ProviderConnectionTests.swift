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

/// What comes of connections to the providers that fail or stall.
@Suite(.timeLimit(.minutes(1))) struct `Connections to the providers` {
  static let models = ["gpt-5", "claude-sonnet-5-5", "gemini-2.5-pro"]

  private static func ask(
    _ model: String, at baseURL: String, readTimeout: Duration = .seconds(30), deadline: Duration = .seconds(30)
  ) async throws -> (error: ModelError?, retries: Int) {
    let network = NetworkTransport(headTimeout: readTimeout)
    var retry = RetryPolicy()
    (retry.firstDelay, retry.deadline) = (.milliseconds(1), deadline)
    let endpoints = ProviderName.allCases.map { ($0, ProviderEndpoint(baseURL: baseURL, key: nil)) }
    let directory = ProviderDirectory(
      Dictionary(uniqueKeysWithValues: endpoints), transport: network, retry: retry)
    let retries = Mutex(0)
    var failure: ModelError?
    do {
      let request = ModelRequest(model: model, instructions: "", input: [["role": "user", "content": "Hi"]])
      _ = try await directory.respond(to: request) { event in
        if case .retrying = event { retries.withLock { $0 += 1 } }
      }
    } catch let error as ModelError { failure = error }
    await network.close()
    return (failure, retries.withLock { $0 })
  }

  @Test(
    arguments: models,
    [
      ("http://127.0.0.1:1", "at 127.0.0.1:1 cannot be reached: connection refused"),
      ("http://nobody.invalid", "at nobody.invalid cannot be reached: the name 'nobody.invalid' is not known"),
    ])
  func `say why nobody is reached`(model: String, place: (url: String, words: String)) async throws {
    let (error, retries) = try await Self.ask(model, at: place.url)
    #expect(error?.code == .unreachable)
    #expect(error?.message.contains(place.words) == true)
    #expect(retries == 2)
  }

  @Test(arguments: models) func `say that TLS failed`(model: String) async throws {
    // A server that answers in the clear.
    let (error, retries) = try await withServer(Router()) { port in
      try await Self.ask(model, at: "https://127.0.0.1:\(port)")
    }
    #expect(error?.code == .unreachable)
    #expect(error?.message.contains("TLS failed") == true)
    #expect(retries == 2)
  }

  /// A server that begins an answer and then stands still, or sends comments for ever.
  private static func slowServer(_ pause: Duration?) -> Router {
    var router = Router()
    router.add(.post, "/{rest...}") { request in
      _ = try await request.body.collect(upTo: 1 << 20)
      return Response(
        .ok, fields: HeaderFields([("content-type", "text/event-stream")]),
        body: .stream { writer in
          while true {
            try await writer.write(Array(": still here\n\n".utf8))
            try await Task.sleep(for: pause ?? .seconds(30))
          }
        })
    }
    return router
  }

  @Test(arguments: models) func `leave a stream that stands still`(model: String) async throws {
    let (error, retries) = try await withServer(Self.slowServer(nil)) { port in
      try await Self.ask(model, at: "http://127.0.0.1:\(port)", readTimeout: .milliseconds(200))
    }
    #expect(error?.code == .timedOut)
    #expect(error?.message.contains("stopped in the middle of its answer") == true)
    #expect(retries == 2)
  }

  @Test(arguments: models) func `have one deadline, also for a stream that goes on for ever`(model: String) async throws
  {
    let (error, retries) = try await withServer(Self.slowServer(.milliseconds(20))) { port in
      try await Self.ask(model, at: "http://127.0.0.1:\(port)", deadline: .milliseconds(400))
    }
    #expect(error?.code == .timedOut)
    #expect(error?.message.contains("within 0.4 s") == true)
    #expect(retries == 0)
  }
}
