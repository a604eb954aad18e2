/// What a caller may do.
package struct Scopes: OptionSet, Sendable, Hashable {
  /// The bits.
  package let rawValue: UInt8

  /// Scopes of these bits.
  package init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Look at things.
  package static let read = Scopes(rawValue: 1)
  /// Make, change and remove things.
  package static let write = Scopes(rawValue: 2)
  /// Start programs and models: tests, terminals, messages.
  package static let execute = Scopes(rawValue: 4)
  /// Manage keys, and see and do everything of everybody.
  package static let admin = Scopes(rawValue: 8)
  /// Everything.
  package static let all: Scopes = [.read, .write, .execute, .admin]

  private static let byName: KeyValuePairs<String, Scopes> = [
    "read": .read, "write": .write, "execute": .execute, "admin": .admin,
  ]

  /// The names, from the least to the most.
  package var names: [String] { Self.byName.filter { contains($0.value) }.map(\.key) }

  /// What a key with these names, commas between, may do: who may change things may look at them, and an administrator
  /// may do everything.
  package init(granted names: String) {
    var scopes: Scopes = []
    for name in names.split(separator: ",") {
      scopes.formUnion(Self.byName.first { $0.key == name }?.value ?? [])
    }
    if scopes.contains(.admin) { scopes = .all }
    if !scopes.isEmpty { scopes.insert(.read) }
    self = scopes
  }
}

/// Who sends a request, as the server's guardian found out.
package struct Caller: Sendable, Hashable {
  /// How it is known.
  package enum Identity: Sendable, Hashable {
    /// Not at all: it may see what is open to everybody.
    case nobody
    /// A program on this machine, or a page of a trusted origin, while there are no keys.
    case local
    /// A page of an origin that is trusted no further than to look, while there are no keys.
    case page(origin: String)
    /// The bearer of a key.
    case key(id: String, owner: String)
  }

  /// How it is known.
  package let identity: Identity
  /// What it may do.
  package let scopes: Scopes

  /// A caller.
  package init(_ identity: Identity, scopes: Scopes) {
    self.identity = identity
    self.scopes = scopes
  }

  /// Nobody in particular.
  package static let nobody = Caller(.nobody, scopes: [])
  /// The user of this machine.
  package static let local = Caller(.local, scopes: .all)

  /// The owner of what it makes; nil for the local user.
  package var owner: String? {
    guard case .key(_, let owner) = identity else { return nil }
    return owner
  }

  /// The key by which it is known.
  package var keyID: String? {
    guard case .key(let id, _) = identity else { return nil }
    return id
  }

  /// The owner to whose things it is confined; nil when it sees everybody's.
  package var confinement: String? {
    switch identity {
    // No owner has an empty name.
    case .nobody: ""
    case .local, .page: nil
    case .key(_, let owner): scopes.contains(.admin) ? nil : owner
    }
  }
}
