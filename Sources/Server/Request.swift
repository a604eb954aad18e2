package import HTTP

/// One request as a handler sees it.
package struct Request: Sendable {
  /// The request line and fields.
  package let head: RequestHead
  /// The body, to be read at most once.
  package let body: RequestBody
  /// What stands in answers and log lines to find this request again: the client's `X-Request-ID` or one of ours.
  package let id: String
  /// The client's address, without its port.
  package let address: String
  /// Who sends it; the guardian finds out.
  package var caller = Caller.local
  /// Whether the guardian has let it in.
  var isAdmitted = false
  /// The place of its route among the router's labels; 0 when it matches none.
  var label = 0
  /// What answers it, once its route is found.
  var handler: Handler?
  /// The segments of the path that the route's pattern names, decoded.
  package var parameters: [String: String] = [:]

  /// A request with these parts.
  package init(head: RequestHead, body: RequestBody, id: String, address: String) {
    self.head = head
    self.body = body
    self.id = id
    self.address = address
  }

  /// The value of a query parameter, the first of that name, or nil; nil too when the query cannot be decoded.
  package func query(_ name: String) -> String? {
    head.query.flatMap(PercentEncoding.query)?.first { $0.name == name }?.value
  }
}

/// Answers a request on the connection's own event loop.
///
/// What it throws becomes problem JSON: a `Problem` as it is, anything else a 500 that tells nothing but the request id.
package typealias Handler = @Sendable (Request) async throws -> Response

/// Answers a request as `Handler` does, with what is there: on the event loop's turn that finds the request, before the
/// loop looks at anything else.
package typealias ImmediateHandler = @Sendable (Request) throws -> Response
