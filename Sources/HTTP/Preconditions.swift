/// The validators of a representation, and what a request's conditions say about them (RFC 9110 section 13).
package struct Preconditions: Sendable {
  /// What to do with the request.
  package enum Outcome: Sendable, Hashable {
    /// Answer it.
    case proceed
    /// The client has it already: 304.
    case notModified
    /// A condition is false: 412.
    case failed
  }

  private let tag: String?
  private let modified: Int?

  /// Conditions on a representation with this `ETag` and `Last-Modified`, as they stand in its fields.
  package init(tag: String?, lastModified: String?) {
    self.tag = tag
    modified = lastModified.flatMap { HTTPDate.seconds($0) }
  }

  /// The outcome for a GET or HEAD, in the order of section 13.2.2.
  package func evaluate(_ fields: HeaderFields) -> Outcome {
    if fields["if-match"] != nil {
      guard matches(fields, "if-match", isStrong: true) else { return .failed }
    } else if let date = fields["if-unmodified-since"].flatMap({ HTTPDate.seconds($0) }), let modified {
      guard modified <= date else { return .failed }
    }
    if fields["if-none-match"] != nil {
      return matches(fields, "if-none-match", isStrong: false) ? .notModified : .proceed
    }
    if let date = fields["if-modified-since"].flatMap({ HTTPDate.seconds($0) }), let modified {
      return modified <= date ? .notModified : .proceed
    }
    return .proceed
  }

  /// Whether a range may be served, by `If-Range` (section 13.1.5): only when the client's part is surely of this
  /// representation.
  package func allowsRange(_ fields: HeaderFields) -> Bool {
    guard let condition = fields["if-range"] else { return true }
    if condition.hasSuffix("\"") { return condition == tag && !condition.hasPrefix("W/") }
    guard let modified, let date = HTTPDate.seconds(condition) else { return false }
    return modified == date
  }

  /// Compares with a list of tags (section 8.8.3.2); `*` matches what exists.
  private func matches(_ fields: HeaderFields, _ name: String, isStrong: Bool) -> Bool {
    for line in fields.values(of: name) {
      if line == "*" { return true }
      guard let tag else { continue }
      for candidate in Self.tags(line) where Self.isSame(candidate, tag, isStrong: isStrong) { return true }
    }
    return false
  }

  private static func isSame(_ one: Substring, _ other: String, isStrong: Bool) -> Bool {
    let isWeak = one.hasPrefix("W/") || other.hasPrefix("W/")
    if isStrong { return !isWeak && one == other[...] }
    return opaque(one) == opaque(other[...])
  }

  private static func opaque(_ tag: Substring) -> Substring { tag.hasPrefix("W/") ? tag.dropFirst(2) : tag }

  /// The entity tags of a list; a comma may stand inside one.
  private static func tags(_ line: String) -> [Substring] {
    var tags: [Substring] = []
    var rest = line[...]
    while let open = rest.firstIndex(of: "\"") {
      guard let close = rest[rest.index(after: open)...].firstIndex(of: "\"") else { break }
      let isWeak = rest[..<open].hasSuffix("W/")
      tags.append(rest[(isWeak ? rest.index(open, offsetBy: -2) : open)...close])
      rest = rest[rest.index(after: close)...]
    }
    return tags
  }
}
