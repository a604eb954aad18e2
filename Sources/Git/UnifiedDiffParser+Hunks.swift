extension UnifiedDiffParser {
  /// The numbers of a hunk header.
  private typealias Ranges = (oldStart: Int, oldCount: Int, newCount: Int)

  /// `@@ -start,count +start,count @@` and the lines behind it.
  ///
  /// Counts are a hint: models get them wrong.
  mutating func takeHunk() throws(PatchError) {
    let header = String(lines[position].text)
    let ranges = Self.ranges(header)
    var hunk = UnifiedDiff.Hunk(oldStart: ranges?.oldStart, oldCount: ranges?.oldCount, header: header)
    var (old, new) = (ranges?.oldCount ?? .max, ranges?.newCount ?? .max)
    position += 1
    while position < lines.count {
      let line = lines[position]
      if line.text.hasPrefix("\\") {
        if !hunk.lines.isEmpty { hunk.lines[hunk.lines.count - 1].isUnterminated = true }
        position += 1
        continue
      }
      guard let kind = kind(at: position, isWithinCounts: ranges != nil && (old > 0 || new > 0)) else { break }
      // The first column is lost when a context line begins with anything else than a blank.
      let isWhole = kind == .context && line.text.utf8.first != UInt8(ascii: " ")
      hunk.lines.append(
        .init(
          kind: kind, text: Array(line.text.utf8.dropFirst(isWhole ? 0 : 1)),
          hasCarriageReturn: line.hasCarriageReturn))
      if kind != .addition { old = old == .max ? old : max(0, old - 1) }
      if kind != .deletion { new = new == .max ? new : max(0, new - 1) }
      position += 1
    }
    dropTrailingBlanks(&hunk, missingOld: old, ranges: ranges)
    guard !hunk.lines.isEmpty else {
      throw PatchError(.malformed, "the hunk '\(header.prefix(80))' of \(file?.name ?? "") has no lines")
    }
    file?.hunks.append(hunk)
  }

  /// What a line of a hunk does; nil when the hunk ends before it.
  private func kind(at index: Int, isWithinCounts: Bool) -> UnifiedDiff.Hunk.Line.Kind? {
    let line = lines[index].text
    if line.hasPrefix("diff --git ") || line.hasPrefix("@@ ") || line.hasPrefix("```") { return nil }
    // Within the counts two lines may look like a file header and be a deletion and an addition.
    if isPathLines(index), !isWithinCounts || index + 2 < lines.count && lines[index + 2].text.hasPrefix("@@") {
      return nil
    }
    switch line.utf8.first {
    case UInt8(ascii: " "), UInt8(ascii: "\t"): return .context
    case nil: return isWithinCounts || goesOn(after: index) ? .context : nil
    case UInt8(ascii: "+"), UInt8(ascii: "-"):
      if !isWithinCounts, isSignature(index) || Self.isBullet(line) { return nil }
      return line.utf8.first == UInt8(ascii: "+") ? .addition : .deletion
    default: return isWithinCounts && isContext(index) ? .context : nil
    }
  }

  /// Whether lines of a hunk follow blank lines at which its counts are used up.
  private func goesOn(after index: Int) -> Bool {
    guard let next = lines[index...].firstIndex(where: { !$0.text.isEmpty }), !isPathLines(next) else { return false }
    let line = lines[next].text
    guard let first = line.utf8.first, [UInt8(ascii: " "), UInt8(ascii: "+"), UInt8(ascii: "-")].contains(first) else {
      return false
    }
    return !Self.isBullet(line) && !isSignature(next)
  }

  /// Whether a line without a first column is one of the file, as the changes that follow it without a gap tell.
  private func isContext(_ index: Int) -> Bool {
    for line in lines[(index + 1)...].prefix(50).map(\.text) {
      if line.isEmpty || line.hasPrefix("@@") || line.hasPrefix("```") || line.hasPrefix("diff --git ") { return false }
      if line.utf8.first == UInt8(ascii: "+") || line.utf8.first == UInt8(ascii: "-") { return true }
    }
    return false
  }

  /// Whether a line is the `-- ` that ends a mail with a patch, with the version of git behind it.
  private func isSignature(_ index: Int) -> Bool {
    guard lines[index].text == "-- " || lines[index].text == "--" else { return false }
    guard index + 1 < lines.count else { return true }
    let next = lines[index + 1].text
    return next.utf8.first.map { (0x30...0x39).contains($0) } ?? true
  }

  /// Whether a line is an item of a list in the prose behind a diff: `- Some words`.
  private static func isBullet(_ line: Substring) -> Bool {
    let bytes = line.utf8.prefix(3)
    return bytes.count == 3 && bytes.dropFirst().first == UInt8(ascii: " ") && bytes.last != UInt8(ascii: " ")
  }

  /// Blank lines at the end of a hunk whose counts are too high are the blank lines behind the diff.
  private func dropTrailingBlanks(_ hunk: inout UnifiedDiff.Hunk, missingOld: Int, ranges: Ranges?) {
    guard ranges == nil || missingOld > 0 else { return }
    while let last = hunk.lines.last, last.kind == .context, last.text.isEmpty, hunk.lines.count > 1 {
      hunk.lines.removeLast()
    }
  }

  private static func ranges(_ header: String) -> Ranges? {
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
}
