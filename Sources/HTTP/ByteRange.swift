/// What a `Range` field asks for (RFC 9110 section 14).
package enum ByteRange: Sendable, Hashable {
  /// All of it: the field is missing, malformed, of another unit, or names several ranges, which a server may ignore.
  case whole
  /// These bytes: 206.
  case part(Range<Int>)
  /// Bytes that are not there: 416.
  case unsatisfiable

  /// The range that a field asks for of a representation with so many bytes.
  package static func parse(_ field: String?, length: Int) -> ByteRange {
    guard let field, field.utf8.count > 6, field.prefix(6).lowercased() == "bytes=" else { return .whole }
    // White space may only stand around the members of the list (section 5.6.1).
    let spec = field.dropFirst(6).withoutOuterSpace
    guard let dash = spec.firstIndex(of: "-"), !spec.contains(",") else { return .whole }
    let (first, last) = (spec[..<dash], spec[spec.index(after: dash)...])
    guard let bound = number(last) else { return .whole }
    guard !first.isEmpty else {
      // A suffix: the last so many bytes.
      guard let count = bound else { return .whole }
      return count == 0 || length == 0 ? .unsatisfiable : .part(max(0, length - count)..<length)
    }
    guard let start = number(first) ?? nil else { return .whole }
    if let end = bound, end < start { return .whole }
    guard start < length else { return .unsatisfiable }
    return .part(start..<min(length, (bound ?? length - 1) + 1))
  }

  /// A number of at most 15 digits; `.some(nil)` for an empty text, nil for anything else.
  private static func number(_ text: Substring) -> Int?? {
    guard text.utf8.allSatisfy(ByteClasses.isDigit) else { return nil }
    return text.isEmpty ? .some(nil) : text.utf8.count <= 15 ? .some(Int(text)) : .some(1 << 50)
  }
}
