package import HTTP
import HTTPTypes
package import Logging
import Platform

/// From a request to an answer: routing, errors, and the fields that every answer carries.
package struct ServerHandler: Sendable {
  private let router: Router
  private let decorator: @Sendable (inout Response, RequestHead?) -> Void
  private let guardian: @Sendable (inout Request) async throws -> Void
  /// Is told of every request that was answered.
  let observer: (@Sendable (Exchange) -> Void)?
  /// Counts what is answered.
  let meter: RequestMeter?
  /// Where failures are told.
  package let logger: Logger

  /// A handler over routes.
  ///
  /// `guardian` sees every request first, notes who sends it, and throws a `Problem` to refuse it; `decorator` sees
  /// every answer last; `observer` is told when it has been sent.
  package init(
    router: Router, logger: Logger, guardian: @escaping @Sendable (inout Request) async throws -> Void = { _ in },
    decorator: @escaping @Sendable (inout Response, RequestHead?) -> Void = { _, _ in },
    observer: (@Sendable (Exchange) -> Void)? = nil, meter: RequestMeter? = nil
  ) {
    self.router = router
    self.logger = logger
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

  /// Answers a request, whatever happens in the handler; on the event loop of that number.
  func respond(to request: Request, loop: Int) async throws -> Response {
    var request = request
    guard let meter else { return try await answer(&request) }
    let begun = MonotonicClock.nanoseconds
    let response = try await answer(&request)
    meter.note(
      route: request.label, status: response.status.code, nanoseconds: MonotonicClock.nanoseconds - begun, loop: loop)
    return response
  }

  private func answer(_ request: inout Request) async throws -> Response {
    let (head, id) = (request.head, request.id)
    do {
      try await guardian(&request)
      let handler = try router.handler(for: &request)
      let response = try await handler(request)
      return decorate(try Representation.select(response, for: head), for: head, id: id)
    } catch let problem as Problem {
      let response = problem.response(instance: head.path, requestID: id)
      return decorate(Representation.compressed(response, for: head), for: head, id: id)
    } catch let error as ConnectionError {
      throw error
    } catch let error as HTTPParseError {
      throw error
    } catch {
      logger.error(
        "request failed",
        metadata: [
          "request_id": "\(id)", "method": "\(head.method)", "path": "\(head.path)", "error": "\(error)",
        ])
      let problem = Problem(
        .internalServerError, code: "internal_error", "something went wrong inside; the log names request \(id)")
      return decorate(problem.response(instance: head.path, requestID: id), for: head, id: id)
    }
  }

  /// Puts the fields on an answer that every answer carries.
  func decorate(_ response: Response, for head: RequestHead?, id: String) -> Response {
    var response = response
    // What a provider answered through the gateway keeps the provider's id.
    if response.fields["x-request-id"] == nil { response.fields["x-request-id"] = id }
    decorator(&response, head)
    if logger.logLevel <= .debug, let head {
      logger.debug(
        "request",
        metadata: [
          "request_id": "\(id)", "method": "\(head.method)", "path": "\(head.path)",
          "status": "\(response.status.code)",
        ])
    }
    return response
  }
}
