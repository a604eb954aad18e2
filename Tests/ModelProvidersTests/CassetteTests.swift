import Foundation
import ModelProviders
import Platform
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct `Recorded exchanges` {
  /// Answers with these chunks, and counts.
  private struct Scripted: ModelTransport {
    let chunks: [[UInt8]]

    func send(_ request: TransportRequest) async throws -> TransportResponse {
      let rest = Mutex(chunks[...])
      return TransportResponse(
        status: 200, fields: [("content-type", "text/event-stream"), ("set-cookie", "a=b")],
        body: { rest.withLock { $0.popFirst() } })
    }
  }

  private static func request(
    _ body: String, path: String = "/v1/responses", host: String = "a.example"
  ) -> TransportRequest {
    TransportRequest(
      url: "https://\(host)\(path)", authorization: ("authorization", Secret("Bearer top-secret-key-1")),
      body: Array(body.utf8))
  }

  private static func read(_ response: TransportResponse) async throws -> [[UInt8]] {
    var chunks: [[UInt8]] = []
    while let chunk = try await response.body() { chunks.append(chunk) }
    return chunks
  }

  @Test(arguments: [
    ("{\"input\":\"a\",\"metadata\":{\"x\":1}}", "{\"metadata\":2,\"input\":\"a\"}"),
    ("{\"input\":\"on 2026-11-25T10:00:00Z\"}", "{\"input\":\"on 2027-01-02 11:12:13.5+01:00\"}"),
    ("{\"input\":\"Today is Wednesday, November 25, 2026.\"}", "{\"input\":\"Today is Friday, January 1, 2027.\"}"),
    (
      "{\"id\":\"0b2f7a52-9c1e-7d31-8e4f-0123456789ab\"}", "{\"id\":\"FFFF7a52-9c1e-7d31-8e4f-0123456789ab\"}"
    ),
    ("{\"id\":\"msg_0123456789abcdef\"}", "{\"id\":\"msg_fedcba9876543210\"}"),
    (
      "{\"s\":\"x-anthropic-billing-header: cc_version=1; cch=2\\nYou help.\"}",
      "{\"s\":\"x-anthropic-billing-header: cc_version=3; cch=4\\nYou help.\"}"
    ),
    ("{\"s\":\"Fix it\\n\\nCo-Authored-By: A <a@b>\\n\"}", "{\"s\":\"Fix it\\n\\nCo-Authored-By: B <c@d>\\n\"}"),
    ("{\"t\":\"at 10:00:01\"}", "{\"t\":\"at 23:59:59\"}"),
    ("{\"h\":\"0123456789abcdef0123456789abcdef\"}", "{\"h\":\"abcdef0123456789abcdef0123456789\"}"),
  ])
  func `are found again when only dates, ids and signatures differ`(recorded: String, asked: String) async throws {
    try await withTemporaryFolder { url in
      let folder = url.path
      let recording = try RecordingTransport(Scripted(chunks: [[1, 2], [3]]), folder: folder)
      _ = try await Self.read(try await recording.send(Self.request(recorded)))
      let replay = ReplayTransport(folder: folder)
      let response = try await replay.send(Self.request(asked, host: "127.0.0.1:99"))
      let chunks = try await Self.read(response)
      #expect(chunks == [[1, 2], [3]])
      #expect(response.field("content-type") == "text/event-stream")
      #expect(response.field("set-cookie") == nil)
    }
  }

  @Test(arguments: [
    ("{\"input\":\"a\"}", "{\"input\":\"b\"}", "input is 'b', recorded was 'a'"),
    ("{\"input\":[{\"x\":1}]}", "{\"input\":[{\"x\":2}]}", "input[0].x is 2, recorded was 1"),
    ("{\"input\":\"run_test_suite_alpha\"}", "{\"input\":\"run_test_suite_omega\"}", "omega', recorded was"),
    ("{\"a\":1}", "{\"a\":1,\"b\":true}", "b is true, recorded was null"), ("plain", "other", "the body is 'other'"),
  ])
  func `are not taken for another request, and the nearest is named`(
    recorded: String, asked: String, reason: String
  ) async throws {
    try await withTemporaryFolder { url in
      let folder = url.path
      let recording = try RecordingTransport(Scripted(chunks: [[1]]), folder: folder)
      _ = try await Self.read(try await recording.send(Self.request(recorded)))
      let replay = ReplayTransport(folder: folder)
      let error = await #expect(throws: ModelError.self) { try await replay.send(Self.request(asked)) }
      #expect(error?.code == .unknownRequest)
      #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
      let path = await #expect(throws: ModelError.self) {
        try await replay.send(Self.request(recorded, path: "/v1/other"))
      }
      #expect(path?.message.contains("POST /v1/other") == true)
    }
  }

  @Test func `are replayed in order, and no more often than they were recorded`() async throws {
    try await withTemporaryFolder { url in
      let folder = url.path
      for number in [UInt8(1), 2] {
        // Each daemon counts for itself: the second request of one is the second cassette.
        let recording = try RecordingTransport(Scripted(chunks: [[number]]), folder: folder)
        if number == 2 { _ = try await recording.send(Self.request("{}")) }
        _ = try await Self.read(try await recording.send(Self.request("{}")))
      }
      let replay = ReplayTransport(folder: folder)
      for number in [UInt8(1), 2] {
        let chunks = try await Self.read(try await replay.send(Self.request("{}")))
        #expect(chunks == [[number]])
      }
      let error = await #expect(throws: ModelError.self) { try await replay.send(Self.request("{}")) }
      #expect(error?.message.contains("recorded 2 times") == true)
    }
  }

  @Test func `hold no secret, not even one that is split between chunks`() async throws {
    let key = "top-secret-key-1"
    try await withTemporaryFolder { url in
      let folder = url.path
      let redactor = Redactor(keys: [Secret(key)])
      let echo = Array("data: the key is \(key).\n\n".utf8)
      let recording = try RecordingTransport(
        Scripted(chunks: [Array(echo[..<22]), Array(echo[22...])]), folder: folder, redactor: redactor)
      let asked = Self.request("{\"input\":\"my key is \(key)\"}", path: "/v1/responses?key=\(key)")
      let passed = try await Self.read(try await recording.send(asked))
      #expect(passed.flatMap(\.self) == echo)
      for file in try FileManager.default.contentsOfDirectory(atPath: folder) {
        let text = try String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8)
        #expect(!text.contains(key))
      }
      let replay = ReplayTransport(folder: folder, redactor: redactor)
      let replayed = try await Self.read(try await replay.send(asked)).flatMap(\.self)
      #expect(String(decoding: replayed, as: UTF8.self) == "data: the key is [redacted].\n\n")
    }
  }

  @Test func `are written by many at once without mixing`() async throws {
    try await withTemporaryFolder { url in
      let folder = url.path
      let recording = try RecordingTransport(Scripted(chunks: [[7], [8]]), folder: folder)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<40 {
          group.addTask {
            _ = try await Self.read(try await recording.send(Self.request("{\"n\":\(number % 20)}")))
          }
        }
        try await group.waitForAll()
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 40)
      let replay = ReplayTransport(folder: folder)
      try await withThrowingTaskGroup(of: [[UInt8]].self) { group in
        for number in 0..<40 {
          group.addTask { try await Self.read(try await replay.send(Self.request("{\"n\":\(number % 20)}"))) }
        }
        for try await chunks in group { #expect(chunks == [[7], [8]]) }
      }
    }
  }

  @Test func `keep their pauses when that is wanted`() async throws {
    try await withTemporaryFolder { url in
      let folder = url.path
      let recording = try RecordingTransport(Scripted(chunks: [[1], [2]]), folder: folder)
      _ = try await Self.read(try await recording.send(Self.request("{}")))
      let file = try #require(try FileManager.default.contentsOfDirectory(atPath: folder).first)
      let text = try String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8)
      let slow = text.replacing(/"after_ms":\d+/, with: "\"after_ms\":150")
      try slow.write(toFile: "\(folder)/\(file)", atomically: true, encoding: .utf8)
      for keepsTime in [false, true] {
        let began = ContinuousClock.now
        let replay = ReplayTransport(folder: folder, keepsTime: keepsTime)
        _ = try await Self.read(try await replay.send(Self.request("{}")))
        let took = began.duration(to: .now)
        #expect((took >= .milliseconds(150)) == keepsTime)
      }
    }
  }
}
