package import HTTP
package import HTTPTypes
package import JSON

/// An answer: status, fields and a body.
package struct Response: Sendable {
  /// What follows the head.
  package enum Body: Sendable {
    /// Nothing.
    case empty
    /// These bytes.
    case bytes([UInt8])
    /// A file's bytes.
    case file(FileBody)
    /// What the closure writes, in chunks, until it returns; the task is cancelled when the client goes away.
    case stream(@Sendable (ResponseWriter) async throws -> Void)
    /// The connection becomes a WebSocket.
    case webSocket(WebSocketUpgrade)

    /// Whether it needs no waiting.
    var isAtHand: Bool {
      switch self {
      case .empty, .bytes: true
      default: false
      }
    }
  }

  /// The status.
  package var status: HTTPResponse.Status
  /// The fields, without those that the connection writes itself: `Date`, `Server`, `Content-Length`,
  /// `Transfer-Encoding`, `Connection`, `X-Request-ID`.
  package var fields: HeaderFields
  /// The body.
  package var body: Body

  /// An answer with these parts.
  package init(_ status: HTTPResponse.Status, fields: HeaderFields = HeaderFields(), body: Body = .empty) {
    self.status = status
    self.fields = fields
    self.body = body
  }

  /// An answer that may be asked for in part, and not again while its entity tag is the same.
  package static func ranged(_ bytes: [UInt8], contentType: String, tag: String) -> Response {
    let fields = HeaderFields([
      ("content-type", contentType), ("etag", "\"\(tag)\""), ("accept-ranges", "bytes"), ("cache-control", "no-cache"),
    ])
    return Response(.ok, fields: fields, body: .bytes(bytes))
  }

  /// An answer whose body is encoded JSON.
  package static func json(_ bytes: [UInt8], _ status: HTTPResponse.Status = .ok) -> Response {
    Response(status, fields: jsonFields, body: .bytes(bytes))
  }

  private static let jsonFields = HeaderFields([("content-type", "application/json")])

  /// An answer whose body is a JSON value.
  package static func json(_ value: JSONValue, _ status: HTTPResponse.Status = .ok) -> Response {
    json(value.encodedBytes, status)
  }
}
