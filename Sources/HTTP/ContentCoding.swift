/// Which content coding a client takes (RFC 9110 section 12.5.3).
package enum ContentCoding {
  /// Whether gzip may be used: named, or covered by `*`, with a weight above 0 and not below that of `identity`.
  package static func acceptsGzip(_ fields: HeaderFields) -> Bool {
    guard fields["accept-encoding"] != nil else { return false }
    var weights: [String: Int] = [:]
    for member in fields.tokens(of: "accept-encoding") {
      let parts = member.split(separator: ";", maxSplits: 1).map { part in part.filter { $0 != " " && $0 != "\t" } }
      guard let name = parts.first else { continue }
      guard let weight = parts.count == 1 ? 1000 : weight(parts[1]) else { return false }
      weights[name == "x-gzip" ? "gzip" : name] = weight
    }
    let gzip = weights["gzip"] ?? weights["*"] ?? 0
    return gzip > 0 && gzip >= weights["identity"] ?? 0
  }

  /// `q=0.5` in thousandths (section 12.4.2).
  private static func weight(_ text: String) -> Int? {
    guard text.hasPrefix("q=") else { return nil }
    let parts = text.dropFirst(2).split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard let whole = parts.first, whole == "0" || whole == "1" else { return nil }
    let decimals = parts.count == 2 ? parts[1] : ""
    guard decimals.utf8.count <= 3, decimals.utf8.allSatisfy(ByteClasses.isDigit) else { return nil }
    let thousandths = Int(decimals + String(repeating: "0", count: 3 - decimals.utf8.count)) ?? 0
    return min(1000, (whole == "1" ? 1000 : 0) + thousandths)
  }
}
