extension UnifiedDiffParser {
  /// The ways in which two paths of a header can be read, the likeliest first; nil for `/dev/null`.
  ///
  /// Git puts `a/` and `b/` before them, other tools other folders, models sometimes nothing. As in `git apply` the
  /// first folder goes when what remains is the same on both sides, or one side is missing.
  static func pair(_ old: String?, _ new: String?) -> [UnifiedDiff.FileChange.Paths] {
    let literal = UnifiedDiff.FileChange.Paths(old: old, new: new)
    func stripped(_ path: String) -> String? {
      guard let slash = path.firstIndex(of: "/"), slash > path.startIndex else { return nil }
      return String(path[path.index(after: slash)...])
    }
    func isPrefixed(_ path: String) -> Bool {
      path.utf8.dropFirst().first == UInt8(ascii: "/") && "abciow".contains(path.first ?? "/")
    }
    switch (old, new) {
    case (let old?, let new?):
      guard let oldRest = stripped(old), let newRest = stripped(new) else { return [literal] }
      let isGit = old.hasPrefix("a/") && new.hasPrefix("b/")
      return isGit || oldRest == newRest ? [.init(old: oldRest, new: newRest), literal] : [literal]
    case (let old?, nil): return isPrefixed(old) ? [.init(old: stripped(old), new: nil), literal] : [literal]
    case (nil, let new?): return isPrefixed(new) ? [.init(old: nil, new: stripped(new))] : [literal]
    case (nil, nil): return []
    }
  }

  /// `a/old b/new` of a `diff --git` line: the only place of the paths of an empty file or a change of mode.
  static func gitHeader(_ rest: Substring) throws(PatchError) -> [UnifiedDiff.FileChange.Paths]? {
    if rest.hasPrefix("\"") || rest.hasSuffix("\"") {
      let parts = splitQuoted(rest)
      return parts.count == 2 ? pair(try path(parts[0]), try path(parts[1])) : nil
    }
    // Without quotes the names may hold spaces, and are the same on both sides unless rename lines follow.
    // With both prefixes or with none the two names are equally long.
    let bytes = rest.utf8
    let middle = bytes.index(bytes.startIndex, offsetBy: bytes.count / 2)
    if middle < bytes.endIndex, bytes[middle] == UInt8(ascii: " ") {
      let paths = pair(try path(rest[..<middle]), try path(Substring(bytes[bytes.index(after: middle)...])))
      if let first = paths.first, first.old == first.new { return paths }
    }
    let parts = rest.split(separator: " ")
    return parts.count == 2 ? pair(try path(parts[0]), try path(parts[1])) : nil
  }

  /// The path of a header line, without the time stamp behind a tab and without quotes; nil for `/dev/null`.
  static func path(_ text: Substring) throws(PatchError) -> String? {
    var path = text.split(separator: "\t", maxSplits: 1, omittingEmptySubsequences: false).first.map(String.init) ?? ""
    path = path.trimmingSpaces
    if path.hasPrefix("\""), path.hasSuffix("\""), path.utf8.count >= 2 { path = try unquote(path) }
    return path == "/dev/null" ? nil : path
  }

  private static func splitQuoted(_ text: Substring) -> [Substring] {
    var parts: [Substring] = []
    var rest = text.drop { $0 == " " }
    while !rest.isEmpty {
      var end = rest.startIndex
      if rest.first == "\"" {
        end = rest.index(after: end)
        while end < rest.endIndex, rest[end] != "\"" {
          if rest[end] == "\\", rest.index(after: end) < rest.endIndex { end = rest.index(after: end) }
          end = rest.index(after: end)
        }
        if end < rest.endIndex { end = rest.index(after: end) }
      } else {
        end = rest.firstIndex(of: " ") ?? rest.endIndex
      }
      parts.append(rest[..<end])
      rest = rest[end...].drop { $0 == " " }
    }
    return parts
  }

  /// Git's C-style quotes: `\t`, `\n`, `\"`, `\\` and three octal digits for a byte.
  private static func unquote(_ text: String) throws(PatchError) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[1..<(text.utf8.count - 1)]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\"), let escaped = rest.popFirst() else {
        bytes.append(byte)
        continue
      }
      switch escaped {
      case UInt8(ascii: "n"): bytes.append(10)
      case UInt8(ascii: "t"): bytes.append(9)
      case UInt8(ascii: "r"): bytes.append(13)
      case UInt8(ascii: "0")...UInt8(ascii: "3"):
        var value = Int(escaped - 48)
        for _ in 0..<2 { value = value * 8 + Int((rest.popFirst() ?? 48) & 7) }
        bytes.append(UInt8(truncatingIfNeeded: value))
      default: bytes.append(escaped)
      }
    }
    guard let path = String(validating: bytes, as: UTF8.self) else {
      throw PatchError(.badPath, "a path must be UTF-8, found \(text.prefix(200))")
    }
    return path
  }
}

extension StringProtocol {
  /// Without spaces at both ends.
  var trimmingSpaces: String {
    var text = Substring(self).drop { $0 == " " }
    while text.last == " " { text.removeLast() }
    return String(text)
  }
}
