/// Reads unified diffs as models write them.
///
/// Lenient about what carries no meaning: prose and code fences around, a missing `diff --git` line, line numbers and
/// counts, CR LF, a missing final newline. Strict about what could do harm: symlinks, submodules and binary patches are
/// refused here, paths when they are used.
///
///     prose -> file header -> hunk header -> lines ... -> hunk or file header ... -> end
struct UnifiedDiffParser {
  private var lines: [Substring]
  private var position = 0
  private var files: [UnifiedDiff.FileChange] = []
  private var file: UnifiedDiff.FileChange?
  private var hasPaths = false

  private init(_ text: String) {
    // In Swift CR LF is one character, which would hide line ends from a split at LF.
    lines = text.replacingCRLF.split(separator: "\n", omittingEmptySubsequences: false)
    if lines.last == "" { lines.removeLast() }
  }

  /// The changes of a diff, at least one.
  static func parse(_ text: String) throws(PatchError) -> UnifiedDiff {
    var parser = UnifiedDiffParser(text)
    try parser.run()
    guard !parser.files.isEmpty else {
      throw PatchError(.malformed, "wanted a unified diff with '--- a/file', '+++ b/file' and '@@' lines, found none")
    }
    return UnifiedDiff(files: parser.files)
  }

  private mutating func run() throws(PatchError) {
    while position < lines.count {
      let line = lines[position]
      if line.hasPrefix("diff --git ") {
        finishFile()
        file = UnifiedDiff.FileChange()
        hasPaths = false
        try takeGitHeader(String(line))
        position += 1
      } else if line.hasPrefix("--- "), position + 1 < lines.count, lines[position + 1].hasPrefix("+++ ") {
        try takePaths()
      } else if line.hasPrefix("@@") {
        try takeHunk()
      } else {
        try takeExtendedHeader(String(line))
        position += 1
      }
    }
    finishFile()
  }

  private mutating func finishFile() {
    if let file, file.oldPath != nil || file.newPath != nil { files.append(file) }
    file = nil
  }

  /// `--- a/old` and `+++ b/new`; `/dev/null` for a side that does not exist.
  private mutating func takePaths() throws(PatchError) {
    if file == nil || hasPaths {
      finishFile()
      file = UnifiedDiff.FileChange()
    }
    hasPaths = true
    let old = try Self.path(lines[position].dropFirst(4), prefix: "a/")
    let new = try Self.path(lines[position + 1].dropFirst(4), prefix: "b/")
    guard old != nil || new != nil else {
      throw PatchError(.malformed, "a change must name a file on one side, found /dev/null on both")
    }
    file?.oldPath = old
    file?.newPath = new
    position += 2
  }

  /// `diff --git a/old b/new`: the only place of the paths of an empty file or a change of mode.
  private mutating func takeGitHeader(_ line: String) throws(PatchError) {
    let rest = line.dropFirst("diff --git ".count)
    if rest.hasPrefix("\"") || rest.hasSuffix("\"") {
      let parts = Self.splitQuoted(rest)
      guard parts.count == 2 else { return }
      file?.oldPath = try Self.path(parts[0], prefix: "a/")
      file?.newPath = try Self.path(parts[1], prefix: "b/")
      return
    }
    // Without quotes the names may hold spaces, and are the same on both sides unless rename lines follow.
    // With both prefixes or with none the two names are equally long; with one of them, two bytes apart.
    let bytes = rest.utf8
    for shift in [0, 1, -1] {
      guard let middle = bytes.index(bytes.startIndex, offsetBy: bytes.count / 2 + shift, limitedBy: bytes.endIndex),
        middle < bytes.endIndex, bytes[middle] == UInt8(ascii: " ")
      else { continue }
      let old = try Self.path(rest[..<middle], prefix: "a/")
      let new = try Self.path(rest[rest.index(after: middle)...], prefix: "b/")
      guard old == new else { continue }
      file?.oldPath = old
      file?.newPath = new
      return
    }
    let parts = rest.split(separator: " ")
    guard parts.count == 2 else { return }
    file?.oldPath = try Self.path(parts[0], prefix: "a/")
    file?.newPath = try Self.path(parts[1], prefix: "b/")
  }

  private mutating func takeExtendedHeader(_ line: String) throws(PatchError) {
    guard file != nil, file?.hunks.isEmpty == true else { return }
    func value(_ key: String) -> Substring? { line.hasPrefix(key) ? line.dropFirst(key.count) : nil }
    if let mode = value("new file mode ") {
      file?.newMode = try Self.mode(mode)
      file?.oldPath = nil
    } else if let mode = value("deleted file mode ") {
      _ = try Self.mode(mode)
      file?.newPath = nil
    } else if let mode = value("old mode ") {
      _ = try Self.mode(mode)
    } else if let mode = value("new mode ") {
      file?.newMode = try Self.mode(mode)
    } else if let path = value("rename from ") {
      file?.oldPath = try Self.path(path, prefix: "")
    } else if let path = value("rename to ") {
      file?.newPath = try Self.path(path, prefix: "")
    } else if let path = value("copy from ") {
      file?.oldPath = try Self.path(path, prefix: "")
      file?.isCopy = true
    } else if let path = value("copy to ") {
      file?.newPath = try Self.path(path, prefix: "")
    } else if line.hasPrefix("GIT binary patch") || line.hasPrefix("Binary files ") {
      throw PatchError(.unsupported, "binary patches are not taken: \(file?.name ?? "")")
    } else if value("index ") != nil, let mode = line.split(separator: " ").dropFirst(2).first {
      _ = try Self.mode(mode)
    }
  }

  private static func mode(_ text: Substring) throws(PatchError) -> String {
    let mode = text.trimmingSpaces
    guard mode == "100644" || mode == "100755" else {
      throw PatchError(.badMode, "the only modes are 100644 and 100755, found \(mode)")
    }
    return mode
  }
}

extension UnifiedDiffParser {
  /// `@@ -start,count +start,count @@` and the lines behind it.
  ///
  /// Counts are a hint: models get them wrong.
  private mutating func takeHunk() throws(PatchError) {
    let header = String(lines[position])
    guard file != nil, hasPaths || file?.newPath != nil || file?.oldPath != nil else {
      throw PatchError(.malformed, "a hunk must follow '--- a/file' and '+++ b/file', found '\(header)' before them")
    }
    let ranges = Self.ranges(header)
    var hunk = UnifiedDiff.Hunk(oldStart: ranges?.oldStart, header: header)
    var (old, new) = (ranges?.oldCount ?? .max, ranges?.newCount ?? .max)
    position += 1
    while position < lines.count {
      let line = lines[position]
      let isWithinCounts = ranges != nil && (old > 0 || new > 0)
      if line.hasPrefix("\\") {
        if !hunk.lines.isEmpty { hunk.lines[hunk.lines.count - 1].isUnterminated = true }
        position += 1
        continue
      }
      if endsHunk(line, isWithinCounts: isWithinCounts) { break }
      guard let kind = Self.kind(of: line) else { break }
      if line.isEmpty, !isWithinCounts { break }
      hunk.lines.append(.init(kind: kind, text: Array(line.utf8.dropFirst(line.utf8.first == 9 ? 0 : 1))))
      if kind != .addition { old = old == .max ? old : max(0, old - 1) }
      if kind != .deletion { new = new == .max ? new : max(0, new - 1) }
      position += 1
    }
    dropTrailingBlanks(&hunk, missingOld: old, ranges: ranges)
    guard !hunk.lines.isEmpty else {
      throw PatchError(.malformed, "the hunk '\(header)' of \(file?.name ?? "") has no lines")
    }
    file?.hunks.append(hunk)
  }

  /// Whether a line begins something else.
  ///
  /// Within the counts only what cannot be a line of a hunk does.
  private func endsHunk(_ line: Substring, isWithinCounts: Bool) -> Bool {
    if line.hasPrefix("diff --git ") || line.hasPrefix("@@ ") || line.hasPrefix("```") { return true }
    let startsFile = line.hasPrefix("--- ") && position + 1 < lines.count && lines[position + 1].hasPrefix("+++ ")
    guard startsFile else { return false }
    return !isWithinCounts || position + 2 < lines.count && lines[position + 2].hasPrefix("@@")
  }

  private static func kind(of line: Substring) -> UnifiedDiff.Hunk.Line.Kind? {
    switch line.utf8.first {
    case UInt8(ascii: " "), nil: .context
    case UInt8(ascii: "+"): .addition
    case UInt8(ascii: "-"): .deletion
    // A tab stands for the blank of a context line in diffs that lost their first column.
    case UInt8(ascii: "\t"): .context
    default: nil
    }
  }

  /// Blank lines at the end of a hunk whose counts are too high are the blank lines behind the diff.
  private func dropTrailingBlanks(
    _ hunk: inout UnifiedDiff.Hunk, missingOld: Int, ranges: (oldStart: Int, oldCount: Int, newCount: Int)?
  ) {
    guard ranges == nil || missingOld > 0 else { return }
    while let last = hunk.lines.last, last.kind == .context, last.text.isEmpty, hunk.lines.count > 1 {
      hunk.lines.removeLast()
    }
  }

  private static func ranges(_ header: String) -> (oldStart: Int, oldCount: Int, newCount: Int)? {
    let parts = header.split(separator: " ")
    guard parts.count >= 3, parts[1].hasPrefix("-"), parts[2].hasPrefix("+") else { return nil }
    func range(_ text: Substring) -> (Int, Int)? {
      let numbers = text.dropFirst().split(separator: ",", omittingEmptySubsequences: false)
      guard let first = numbers.first, first.utf8.count <= 9, let start = Int(first), start >= 0 else { return nil }
      guard numbers.count > 1 else { return (start, 1) }
      guard numbers[1].utf8.count <= 9, let count = Int(numbers[1]), count >= 0 else { return nil }
      return (start, count)
    }
    guard let old = range(parts[1]), let new = range(parts[2]) else { return nil }
    return (old.0, old.1, new.1)
  }

  /// The path of a header line: without the time stamp behind a tab, quotes, and the `a/` or `b/` of git.
  private static func path(_ text: Substring, prefix: String) throws(PatchError) -> String? {
    var path = text.split(separator: "\t", maxSplits: 1).first.map(String.init) ?? ""
    path = path.trimmingSpaces
    if path.hasPrefix("\""), path.hasSuffix("\""), path.count >= 2 { path = try unquote(path) }
    if path == "/dev/null" { return nil }
    if !prefix.isEmpty, path.hasPrefix(prefix) { path = String(path.dropFirst(2)) }
    return path
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
      case UInt8(ascii: "0")...UInt8(ascii: "3"):
        var value = Int(escaped - 48)
        for _ in 0..<2 { value = value * 8 + Int((rest.popFirst() ?? 48) & 7) }
        bytes.append(UInt8(truncatingIfNeeded: value))
      default: bytes.append(escaped)
      }
    }
    guard let path = String(validating: bytes, as: UTF8.self) else {
      throw PatchError(.badPath, "a path must be UTF-8, found \(text)")
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

extension String {
  /// With LF for every CR LF.
  var replacingCRLF: String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(utf8.count)
    for byte in utf8 {
      if byte == 10, bytes.last == 13 { bytes.removeLast() }
      bytes.append(byte)
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
