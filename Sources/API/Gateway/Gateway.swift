import HTTP
import HTTPTypes
package import ModelProviders
import Platform
import Server
package import Services
import Store

/// The gateway: passes requests below `/gateway/PROVIDER` on to the provider with the server's key, for programs that
/// hold a short-lived token and no key.
///
///     client -> token -> budgets -> provider
///            <- bytes as they come <-
///
/// Bodies pass byte for byte in both directions. The request is read whole first, since its budget depends on it; of an
/// answer nothing is kept.
package struct Gateway: Sendable {
  /// Bytes of a request's body.
  static let bodyLimit = 32 << 20

  private let tokens: GatewayTokenService
  private let keys: AccessKeys
  private let transport: any ModelTransport
  private let upstreams: [GatewayUpstream]

  /// A gateway to providers through a transport that keeps account.
  package init(
    tokens: GatewayTokenService, keys: AccessKeys, transport: any ModelTransport, upstreams: [GatewayUpstream]
  ) {
    self.tokens = tokens
    self.keys = keys
    self.transport = transport
    self.upstreams = upstreams
  }

  /// Serves the providers' paths.
  func register(on router: inout Router) {
    for upstream in upstreams {
      router.addAny("/gateway/\(upstream.provider.rawValue)/{path...}") { request in
        do { return try await answer(request, upstream) } catch let fault as GatewayFault {
          return fault.response(upstream.provider, requestID: request.id)
        }
      }
    }
  }

  private func answer(_ request: Request, _ upstream: GatewayUpstream) async throws -> Response {
    let incoming = GatewayRequest(head: request.head, provider: upstream.provider)
    let caller = try await caller(of: incoming)
    guard let path = incoming.path else {
      throw GatewayFault(.invalid, "a path below the gateway may have no . and .. segments and must be UTF-8")
    }
    let body: [UInt8]
    do { body = try await request.body.collect(upTo: Self.bodyLimit) } catch let problem as Problem {
      throw GatewayFault(.tooLarge, problem.detail)
    }
    var outgoing = TransportRequest(
      passing: request.head.method.rawValue, url: upstream.url(path: path, query: incoming.query),
      fields: incoming.passedFields, authorization: upstream.authorization, body: body)
    (outgoing.provider, outgoing.caller) = (upstream.provider, caller)
    do {
      let answer = try await request.body.whileClientStays { [transport, outgoing] in
        try await transport.send(outgoing)
      }
      return response(answer, upstream)
    } catch let error as ModelError { throw GatewayFault(error) }
  }

  private func caller(of request: GatewayRequest) async throws -> ModelCaller {
    guard let text = request.token, !text.isEmpty else {
      throw GatewayFault(
        .unauthenticated, "the gateway wants a token of POST /api/v1/gateway/tokens in the place of a key, found none")
    }
    guard let token = try await tokens.authenticate(text) else {
      throw GatewayFault(
        .unauthenticated,
        "the gateway's token is not known, has expired or was revoked: get a new one of "
          + "POST /api/v1/gateway/tokens")
    }
    if let id = token.keyId {
      guard let key = keys.validKey(id: id) else {
        throw GatewayFault(.unauthenticated, "the access key that the gateway's token was made with is no longer valid")
      }
      if let seconds = try await keys.secondsUntilMoney(key) {
        throw GatewayFault(
          .exhausted, "the key may spend \(key.dailyCostUsd ?? 0) US dollars a day (UTC); come back in \(seconds) s")
      }
    }
    return ModelCaller(
      source: .gateway, projectID: token.projectId, sessionID: token.sessionId, runID: token.runId, jobID: token.jobId,
      keyID: token.keyId, tokenID: token.id)
  }

  /// The provider's answer, each piece handed on before the next is asked for.
  private func response(_ answer: TransportResponse, _ upstream: GatewayUpstream) -> Response {
    let status = HTTPResponse.Status(code: answer.status)
    let fields = GatewayRequest.answered(answer.fields)
    // These have no body (RFC 9110 sections 15.3.5 and 15.4.5).
    if answer.status == 204 || answer.status == 304 { return Response(status, fields: fields) }
    return Response(
      status, fields: fields,
      body: .stream { writer in
        // The head goes out at once: the first piece may be long in coming.
        try await writer.write([])
        var redactor = StreamRedactor(upstream.redactor)
        while let piece = try await answer.body() { try await writer.write(redactor.receive(piece)) }
        try await writer.write(redactor.finish())
      })
  }
}
