import Crypto
import Foundation
import JSON
import Platform
import Synchronization

/// A recorded exchange with a provider, as a file.
///
///     {"request": {"method", "path", "body"},
///      "response": {"status", "fields", "chunks": [{"after_ms", "base64"}]}}
///
/// Named by the SHA-256 of the request in a canonical form, and by the count of such requests before it, so that a run
/// can be replayed call by call. Authorisation is no part of it, and secrets are taken out of its bodies.
struct Cassette: Sendable {
  /// Body members that differ from run to run and say nothing about the question.
  private static let volatile: Set<String> = [
    "metadata", "prompt_cache_key", "safety_identifier", "user", "client_metadata",
  ]
  /// Fields of answers that their readers look at.
  private static let kept: Set<String> = [
    "content-type", "retry-after", "retry-after-ms", "x-should-retry", "x-request-id", "request-id",
    "content-encoding", "openai-processing-ms", "openai-version", "anthropic-version", "cache-control",
  ]

  /// The method and path of the request, and its body: JSON, or a text.
  let target: String
  let body: JSONValue
  /// The answer.
  let status: Int
  let fields: [(name: String, value: String)]
  let chunks: [(milliseconds: Int, bytes: [UInt8])]

  /// What is asked: `POST /v1/responses`, and the body in its canonical form.
  struct Question: Sendable {
    let target: String
    let body: JSONValue
    let canonical: JSONValue

    init(_ request: TransportRequest, redactor: Redactor) {
      target = "\(request.method) \(redactor.redact(request.target))"
      let bytes = redactor.redact(request.body)
      body = (try? JSONParser.parse(bytes)) ?? .string(String(decoding: bytes, as: UTF8.self))
      canonical = Cassette.canonicalised(body, isTop: true)
    }

    /// A request's question and its name; off the caller's thread, since a body may be long.
    @concurrent static func read(
      _ request: TransportRequest, _ redactor: Redactor
    ) async -> (question: Question, name: String) {
      let question = Question(request, redactor: redactor)
      return (question, question.name)
    }

    /// The name of its cassettes, without count and ending.
    private var name: String {
      // The method of most is not part of the name, nor is it of those that were recorded without one.
      let path = target.hasPrefix("POST ") ? String(target.dropFirst(5)) : target
      let digest = SHA256.hash(data: Data(path.utf8 + [10] + canonical.encodedBytes))
      return digest.prefix(12).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
  }

  /// With members sorted, volatile ones left out, and what differs from run to run made equal.
  static func canonicalised(_ value: JSONValue, isTop: Bool = false) -> JSONValue {
    switch value {
    case .object(let object):
      let members = object.members.filter { !isTop || !volatile.contains($0.name) }
      return .object(JSONObject(members.sorted { $0.name < $1.name }.map { ($0.name, canonicalised($0.value)) }))
    case .array(let elements): return .array(elements.map { canonicalised($0) })
    case .string(let text): return .string(CanonicalText.make(text))
    default: return value
    }
  }

  static func encode(
    _ question: Question, status: Int, fields: [(name: String, value: String)],
    chunks: [(milliseconds: Int, bytes: [UInt8])]
  ) -> [UInt8] {
    let method = question.target.prefix { $0 != " " }
    let value: JSONValue = [
      "request": [
        "method": .string(String(method)), "path": .string(String(question.target.dropFirst(method.count + 1))),
        "body": question.body,
      ],
      "response": [
        "status": .integer(status),
        "fields": .array(
          fields.filter { kept.contains($0.name) }.map { [.string($0.name), .string($0.value)] }),
        "chunks": .array(
          chunks.map {
            ["after_ms": .integer($0.milliseconds), "base64": .string(Data($0.bytes).base64EncodedString())]
          }),
      ],
    ]
    return value.encodedBytes
  }

  /// A cassette from its file; nil when the file is none.
  init?(_ bytes: [UInt8]) {
    guard let value = try? JSONParser.parse(bytes), let response = value["response"],
      let status = response["status"]?.integer, (100...599).contains(status), let chunks = response["chunks"]?.array
    else { return nil }
    let request: JSONValue = value["request"] ?? .null
    target = "\(request["method"]?.string ?? "POST") \(request["path"]?.string ?? "")"
    body = request["body"] ?? .null
    self.status = status
    // Earlier ones have their fields as an object.
    let pairs = response["fields"]?.array?.map { ($0.array?.first?.string ?? "", $0.array?.last?.string ?? "") }
    fields = pairs ?? response["fields"]?.object?.members.map { ($0.name, $0.value.string ?? "") } ?? []
    self.chunks = chunks.compactMap { chunk in
      guard let data = chunk["base64"]?.string.flatMap({ Data(base64Encoded: $0) }) else { return nil }
      return (max(0, chunk["after_ms"]?.integer ?? 0), Array(data))
    }
  }

  /// The answer again, chunk by chunk; with the pauses that it had when it was recorded, if wanted.
  func response(keepsTime: Bool) -> TransportResponse {
    let remaining = Mutex(chunks[...])
    let began = ContinuousClock.now
    return TransportResponse(
      status: status, fields: fields,
      body: {
        guard let chunk = remaining.withLock({ $0.popFirst() }) else { return nil }
        if keepsTime {
          try await Task.sleep(until: began.advanced(by: .milliseconds(chunk.milliseconds)), clock: .continuous)
        }
        return chunk.bytes
      })
  }
}
