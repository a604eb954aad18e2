import Git
import HTTP
import HTTPTypes
import Server
import Services
import Store

/// The one place where the errors of the services become answers.
enum ProblemTable {
  /// The problem for an error; an error that is not known stays as it is, and becomes a 500.
  static func problem(for error: any Error) -> any Error {
    if let error = error as? StoreError, error.code == .unknownRow {
      return Problem.validation([.init(["query", "after"], error.message, type: "value_error")])
    }
    guard let error = error as? ServiceError else { return error }
    var problem: Problem
    switch error.code {
    case .notFound: problem = Problem(.notFound, code: "not_found", error.message)
    case .wrongState: problem = Problem(.badRequest, code: "wrong_state", error.message)
    case .conflict: problem = Problem(.conflict, code: "conflict", error.message)
    case .changed: problem = Problem(.preconditionFailed, code: "changed", error.message)
    case .upstream: problem = Problem(.badGateway, code: "upstream_failed", error.message)
    case .invalid: problem = .validation([.init(error.location, error.message, type: "value_error")])
    case .tooMany: problem = Problem(.tooManyRequests, code: "too_many", error.message)
    case .unavailable:
      problem = Problem(.serviceUnavailable, code: "unavailable", error.message)
      problem.fields["retry-after"] = "5"
    }
    problem.members = error.members
    return problem
  }
}
