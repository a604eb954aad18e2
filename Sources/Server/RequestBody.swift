import HTTP
import HTTPTypes

/// The body of one request, read from the connection as the handler asks for it.
///
/// What is not asked for stays in the socket, which holds the client back.
package final class RequestBody: Sendable {
  private let connection: HTTPConnection?
  private let declaredLength: Int?

  /// The body that a connection is about to receive; nil when the request has none.
  init(connection: HTTPConnection?, declaredLength: Int?) {
    self.connection = connection
    self.declaredLength = declaredLength
  }

  /// The next bytes, or nil at the end.
  ///
  /// - Throws: `ConnectionError` when the client goes away or sends nothing for too long.
  package func next() async throws -> [UInt8]? { try await connection?.nextBodyBytes() }

  /// The whole body.
  ///
  /// - Throws: `Problem` 413 when it has more than `limit` bytes; nothing above the limit is kept in memory.
  package func collect(upTo limit: Int) async throws -> [UInt8] {
    if let declaredLength, declaredLength > limit { throw Self.tooLarge(limit) }
    var bytes: [UInt8] = []
    while let more = try await next() {
      guard bytes.count + more.count <= limit else { throw Self.tooLarge(limit) }
      if bytes.isEmpty { bytes = more } else { bytes.append(contentsOf: more) }
    }
    return bytes
  }

  private static func tooLarge(_ limit: Int) -> Problem {
    Problem(.contentTooLarge, code: "body_too_large", "the request body may have \(limit) bytes, found more")
  }
}
