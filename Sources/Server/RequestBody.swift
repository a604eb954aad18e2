import HTTP
import HTTPTypes

/// The body of one request, read from the connection as the handler asks for it.
///
/// What is not asked for stays in the socket, which holds the client back.
package final class RequestBody: Sendable {
  private let connection: HTTPConnection?
  private let declaredLength: Int?
  /// The connection that the request came by, whether it has a body or not.
  private let client: HTTPConnection?

  /// The body that a connection is about to receive; without one when the request has none.
  init(connection: HTTPConnection?, declaredLength: Int?, client: HTTPConnection?) {
    self.connection = connection
    self.declaredLength = declaredLength
    self.client = client
  }

  /// Runs some long work that is worth nothing without the client, and cancels it when the client goes away; the body
  /// must have been read.
  ///
  /// - Throws: `ConnectionError` when the client goes away, or what the work throws.
  package func whileClientStays<T: Sendable>(_ work: @escaping @Sendable () async throws -> T) async throws -> T {
    guard let client else { return try await work() }
    return try await client.whileOpen(work)
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
