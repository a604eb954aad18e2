/// Sees every request first, notes who sends it, and refuses it by throwing a `Problem`.
///
/// In two steps, since most requests need no waiting.
package struct Guardian: Sendable {
  /// Sees each request once: whether it may come in already, or has to be looked up.
  let admit: @Sendable (inout Request) throws -> Bool
  /// Sees those that have to be looked up.
  let lookUp: @Sendable (inout Request) async throws -> Void

  /// A guardian of these two steps.
  package init(
    admit: @escaping @Sendable (inout Request) throws -> Bool,
    lookUp: @escaping @Sendable (inout Request) async throws -> Void
  ) {
    self.admit = admit
    self.lookUp = lookUp
  }

  /// Lets everybody in.
  package static let none = Guardian(admit: { _ in true }, lookUp: { _ in })
}
