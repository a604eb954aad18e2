package import JSON

/// Why a request of a client cannot be done; the edge turns the code into a status.
package struct ServiceError: Error, Sendable {
  /// What kind of refusal it is.
  package enum Code: String, Sendable {
    /// There is no such object.
    case notFound
    /// It is not in a state in which this can be done.
    case wrongState
    /// Something else happened in between.
    case conflict
    /// A value cannot be taken.
    case invalid
    /// It has changed since the client read it.
    case changed
    /// There are as many as there may be.
    case tooMany
    /// It cannot be done now, but later.
    case unavailable
    /// Another server that is needed for it did not do its part.
    case upstream
  }

  /// The kind.
  package let code: Code
  /// One sentence for a person.
  package let message: String
  /// The field at fault, for `.invalid`.
  package var location: [String] = []
  /// More for programs, beside the sentence.
  package var members: [(String, JSONValue)] = []

  /// A refusal of that kind.
  package init(_ code: Code, _ message: String, location: [String] = [], members: [(String, JSONValue)] = []) {
    self.code = code
    self.message = message
    self.location = location
    self.members = members
  }
}
