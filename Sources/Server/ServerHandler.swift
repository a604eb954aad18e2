package import HTTP
import HTTPTypes
package import Logging
import Platform

/// From a request to an answer: routing, errors, and the fields that every answer carries.
package struct ServerHandler: Sendable {
  private let router: Router
  private let decorator: @Sendable (inout Response, RequestHead?) -> Void
  private let guardian: Guardian
  private let logsRequests: Bool
  /// Is told of every request that was answered.
  let observer: (@Sendable (Exchange) -> Void)?
  /// Counts what is answered.
  let meter: RequestMeter?
  /// Where failures are told.
  package let logger: Logger

  /// A handler over routes.
  ///
  /// `guardian` sees every request first; `decorator` sees every answer last; `observer` is told when it has been sent.
  package init(
    router: Router, logger: Logger, guardian: Guardian = .none,
    decorator: @escaping @Sendable (inout Response, RequestHead?) -> Void = { _, _ in },
    observer: (@Sendable (Exchange) -> Void)? = nil, meter: RequestMeter? = nil
  ) {
    self.router = router
    self.logger = logger
    logsRequests = logger.logLevel <= .debug
    self.guardian = guardian
    self.decorator = decorator
    self.observer = observer
    self.meter = meter
  }

  /// The client's request id when it is short and printable, otherwise a new one.
  func requestID(for head: RequestHead) -> String {
    guard let id = head.fields["x-request-id"], !id.isEmpty, id.utf8.count <= 128,
      id.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
    else { return UUIDv7.make() }
    return id
  }

  /// Answers a request that needs no waiting, whatever happens in the handler, once; nil when `respond` must follow.
  ///
  /// On the event loop of that number.
  func respondImmediately(to request: inout Request, loop: Int) -> Response? {
    let begun = MonotonicClock.nanoseconds
    var response: Response
    do {
      request.isAdmitted = try guardian.admit(&request)
      guard request.isAdmitted else { return nil }
      switch try router.answerer(for: &request) {
      case .immediate(let handler):
        response = try handler(request)
        try Representation.select(&response, for: request.head)
      case .waiting(let handler):
        request.handler = handler
        return nil
      }
    } catch { response = answer(to: error, for: request) }
    finish(&response, to: request, since: begun, loop: loop)
    return response
  }

  /// Answers any other request, whatever happens in the handler.
  ///
  /// - Throws: `ConnectionError` or `HTTPParseError` when the connection has failed.
  func respond(to request: Request, loop: Int) async throws -> Response {
    let begun = MonotonicClock.nanoseconds
    var request = request
    var response: Response
    do {
      response = try await handle(&request)
      try Representation.select(&response, for: request.head)
    } catch let error as ConnectionError {
      throw error
    } catch let error as HTTPParseError {
      throw error
    } catch { response = answer(to: error, for: request) }
    finish(&response, to: request, since: begun, loop: loop)
    return response
  }

  private func handle(_ request: inout Request) async throws -> Response {
    if !request.isAdmitted { try await guardian.lookUp(&request) }
    if let handler = request.handler { return try await handler(request) }
    switch try router.answerer(for: &request) {
    case .immediate(let handler): return try handler(request)
    case .waiting(let handler): return try await handler(request)
    }
  }

  private func finish(_ response: inout Response, to request: Request, since begun: Int, loop: Int) {
    decorate(&response, for: request.head, id: request.id)
    meter?.note(
      route: request.label, status: response.status.code, nanoseconds: MonotonicClock.nanoseconds - begun, loop: loop)
  }

  /// What a request is told that has failed.
  private func answer(to error: any Error, for request: Request) -> Response {
    let (head, id) = (request.head, request.id)
    if let problem = error as? Problem {
      var response = problem.response(instance: head.path, requestID: id)
      Representation.compress(&response, for: head)
      return response
    }
    logger.error(
      "request failed",
      metadata: ["request_id": "\(id)", "method": "\(head.method)", "path": "\(head.path)", "error": "\(error)"])
    let problem = Problem(
      .internalServerError, code: "internal_error", "something went wrong inside; the log names request \(id)")
    return problem.response(instance: head.path, requestID: id)
  }

  /// Puts the fields on an answer that every answer carries.
  func decorate(_ response: inout Response, for head: RequestHead?, id: String) {
    decorator(&response, head)
    if logsRequests, let head {
      logger.debug(
        "request",
        metadata: [
          "request_id": "\(id)", "method": "\(head.method)", "path": "\(head.path)",
          "status": "\(response.status.code)",
        ])
    }
  }
}
