import Crypto
import Foundation
import JSON
import Synchronization

/// A recorded exchange with a provider: `{request: {path, body}, response: {status, fields, chunks: [{after_ms, text}]}}`.
///
/// Named by the SHA-256 of the request in a canonical form, and by the count of such requests before it, so that a run
/// can be replayed call by call. Authorisation is not part of it.
struct Cassette {
  /// Body members that differ from run to run and say nothing about the question.
  private static let volatile: Set<String> = ["metadata", "prompt_cache_key", "safety_identifier", "user"]

  /// The name of a request's cassettes, without count and ending.
  static func name(of request: TransportRequest) -> String {
    let canonical: [UInt8]
    if let body = try? JSONParser.parse(request.body) {
      canonical = canonicalised(body, isTop: true).encodedBytes
    } else {
      canonical = request.body
    }
    let digest = SHA256.hash(data: Data(path(of: request.url).utf8 + [10] + canonical))
    return digest.prefix(12).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
  }

  /// The path of an address: cassettes are the same whatever server they came from.
  private static func path(of url: String) -> String {
    "/" + url.split(separator: "/", omittingEmptySubsequences: true).dropFirst(2).joined(separator: "/")
  }

  /// With members sorted, volatile ones left out, and dates, ids and times made equal.
  private static func canonicalised(_ value: JSONValue, isTop: Bool = false) -> JSONValue {
    switch value {
    case .object(let object):
      let members = object.members.filter { !isTop || !volatile.contains($0.name) }
      return .object(JSONObject(members.sorted { $0.name < $1.name }.map { ($0.name, canonicalised($0.value)) }))
    case .array(let elements): return .array(elements.map { canonicalised($0) })
    case .string(let text):
      let dated = text.replacing(/\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?/, with: "DATE")
      return .string(dated.replacing(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/, with: "UUID"))
    default: return value
    }
  }

  static func encode(
    _ request: TransportRequest, status: Int, fields: [(name: String, value: String)],
    chunks: [(milliseconds: Int, bytes: [UInt8])]
  ) -> [UInt8] {
    let body = (try? JSONParser.parse(request.body)) ?? .string(String(decoding: request.body, as: UTF8.self))
    let kept = fields.filter { ["content-type", "retry-after", "retry-after-ms", "x-should-retry"].contains($0.name) }
    let value: JSONValue = [
      "request": ["path": .string(path(of: request.url)), "body": body],
      "response": [
        "status": .integer(status),
        "fields": .object(JSONObject(kept.map { ($0.name, .string($0.value)) })),
        "chunks": .array(
          chunks.map {
            ["after_ms": .integer($0.milliseconds), "base64": .string(Data($0.bytes).base64EncodedString())]
          }),
      ],
    ]
    return value.encodedBytes
  }

  static func decode(_ bytes: [UInt8]) -> TransportResponse? {
    guard let response = (try? JSONParser.parse(bytes))?["response"], let status = response["status"]?.integer,
      let chunks = response["chunks"]?.array
    else { return nil }
    let bodies = chunks.compactMap { $0["base64"]?.string.flatMap { Data(base64Encoded: $0) }.map { Array($0) } }
    let remaining = Mutex(bodies[...])
    return TransportResponse(
      status: status, fields: response["fields"]?.object?.members.map { ($0.name, $0.value.string ?? "") } ?? [],
      body: {
        remaining.withLock { $0.popFirst() }
      })
  }
}
