/// Under which condition a file may be written (RFC 9110 section 13.1), so that nobody overwrites what they have not
/// read.
///
/// Without any condition only a file that is not there is written.
package struct FileCondition: Hashable, Sendable {
  /// What a condition names.
  package enum Tags: Hashable, Sendable {
    /// `*`: whatever is there.
    case any
    /// Files with one of these entity tags.
    case some([String])

    /// The tags of a field.
    ///
    /// A weak tag names the same content here: compression makes them weak. Quotation marks may be missing.
    package init(_ field: String) {
      let tags = field.split(separator: ",").map { part in
        let tag = String(part.filter { $0 != " " && $0 != "\t" && $0 != "\"" })
        return tag.hasPrefix("W/") ? String(tag.dropFirst(2)) : tag
      }
      self = tags == ["*"] ? .any : .some(tags)
    }

    func holds(_ tag: String?) -> Bool {
      switch self {
      case .any: tag != nil
      case .some(let tags): tag.map(tags.contains) ?? false
      }
    }
  }

  /// `If-Match`.
  package var match: Tags?
  /// `If-None-Match`.
  package var noneMatch: Tags?

  /// A condition; nil for a field that is not there.
  package init(match: Tags? = nil, noneMatch: Tags? = nil) {
    self.match = match
    self.noneMatch = noneMatch
  }

  /// Whether a file with this entity tag, nil for none, may be written.
  package func allows(_ tag: String?) -> Bool {
    if let match, !match.holds(tag) { return false }
    if let noneMatch, noneMatch.holds(tag) { return false }
    return match != nil || noneMatch != nil || tag == nil
  }
}
