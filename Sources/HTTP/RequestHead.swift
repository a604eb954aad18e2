package import HTTPTypes

/// The request line and the fields of one request (RFC 9112 sections 3 and 5).
package struct RequestHead: Sendable {
  /// How the body's length is told (RFC 9112 section 6).
  package enum BodyFraming: Sendable, Hashable {
    /// There is no body.
    case none
    /// So many bytes follow, at least one.
    case length(Int)
    /// Chunks follow.
    case chunked
  }

  /// The method.
  package var method: HTTPRequest.Method
  /// The path of the target, still percent-encoded, starting with `/`; or `*` for `OPTIONS *`.
  package var path: String
  /// The query of the target without its `?`, still percent-encoded, or nil when there is none.
  package var query: String?
  /// The minor version of HTTP/1: 0 or 1.
  package var minorVersion: Int
  /// The fields.
  package var fields: HeaderFields
  /// What the fields say about the body.
  package var framing: BodyFraming

  /// Whether the connection stays open after the answer (RFC 9112 section 9.3).
  package var isKeepAlive: Bool {
    guard fields["connection"] != nil else { return minorVersion == 1 }
    let options = fields.tokens(of: "connection")
    return !options.contains("close") && (minorVersion == 1 || options.contains("keep-alive"))
  }

  /// Whether the client waits for `100 Continue` before it sends the body (RFC 9110 section 10.1.1).
  package var expectsContinue: Bool {
    minorVersion == 1 && framing != .none && fields["expect"]?.lowercased() == "100-continue"
  }
}
