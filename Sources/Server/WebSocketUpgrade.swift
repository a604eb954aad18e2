package import HTTP
import HTTPTypes
import WebSocket

/// What a connection does after it has become a WebSocket.
package struct WebSocketUpgrade: Sendable {
  /// Bytes that a message may have, as it is before compression; nil for the server's setting.
  let maximumMessage: Int?
  /// The compression that was agreed on.
  let deflate: DeflateParameters?
  /// Drives the WebSocket until it returns.
  let run: @Sendable (WebSocketConnection) async throws -> Void
}

extension Response {
  /// The answer to a request for a WebSocket: `101` and the closure, or why not.
  package static func webSocket(
    _ head: RequestHead, maximumMessage: Int? = nil,
    _ run: @escaping @Sendable (WebSocketConnection) async throws -> Void
  ) throws -> Response {
    do {
      let (fields, deflate) = try WebSocketHandshake.accept(head)
      return Response(
        .switchingProtocols, fields: fields,
        body: .webSocket(WebSocketUpgrade(maximumMessage: maximumMessage, deflate: deflate, run: run)))
    } catch {
      switch error {
      case .malformed(let message): throw Problem(.badRequest, code: "bad_handshake", message)
      case .notAnUpgrade: throw upgradeRequired("this address speaks WebSocket only")
      case .unsupportedVersion: throw upgradeRequired("only version 13 of WebSocket is spoken here")
      }
    }
  }

  /// 426 with the fields of RFC 9110 section 7.8 and RFC 6455 section 4.4.
  private static func upgradeRequired(_ message: String) -> Problem {
    var problem = Problem(.upgradeRequired, code: "upgrade_required", message)
    problem.fields = HeaderFields([
      ("upgrade", "websocket"), ("connection", "upgrade"), ("sec-websocket-version", "13"),
    ])
    return problem
  }
}
