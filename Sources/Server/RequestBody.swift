import HTTP
import HTTPTypes

/// The body of one request, read from the connection as the handler asks for it.
///
/// What is not asked for stays in the socket, which holds the client back.
package struct RequestBody: Sendable {
  private let framing: RequestHead.BodyFraming
  private let connection: HTTPConnection

  /// The body that a connection is about to receive, if the request has one.
  init(_ framing: RequestHead.BodyFraming, of connection: HTTPConnection) {
    self.framing = framing
    self.connection = connection
  }

  /// Runs some long work that is worth nothing without the client, and cancels it when the client goes away; the body
  /// must have been read.
  ///
  /// - Throws: `ConnectionError` when the client goes away, or what the work throws.
  package func whileClientStays<T: Sendable>(_ work: @escaping @Sendable () async throws -> T) async throws -> T {
    try await connection.whileOpen(work)
  }

  /// The next bytes, or nil at the end.
  ///
  /// - Throws: `ConnectionError` when the client goes away or sends nothing for too long.
  package func next() async throws -> [UInt8]? {
    if case .none = framing { return nil }
    return try await connection.nextBodyBytes()
  }

  /// The whole body.
  ///
  /// - Throws: `Problem` 413 when it has more than `limit` bytes; nothing above the limit is kept in memory.
  package func collect(upTo limit: Int) async throws -> [UInt8] {
    if case .length(let length) = framing, length > limit { throw Self.tooLarge(limit) }
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
