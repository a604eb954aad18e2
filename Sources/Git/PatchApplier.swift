/// Applies a unified diff to files in memory.
///
/// A hunk goes where its context is: at the line its header says, else at the nearest place that matches, else, as
/// patch(1) does, without up to three lines of context at its ends. Hunks follow each other and never overlap. What
/// does not fit is refused with the file and the hunk named; nothing is half applied.
struct PatchApplier {
  /// The content of a file before the diff, nil when there is none.
  typealias Lookup = (RepositoryPath) throws -> TreeFile?

  /// How many lines of context at each end may be wrong.
  static let maximumFuzz = 3

  private let lookup: Lookup
  private var changes: [RepositoryPath: TreeFile?] = [:]
  private var order: [RepositoryPath] = []

  private init(_ lookup: @escaping Lookup) { self.lookup = lookup }

  /// The files that the diff changes, in its order, with their new content, or nil for a deleted one.
  static func apply(
    _ diff: UnifiedDiff, lookup: @escaping Lookup
  ) throws -> [(path: RepositoryPath, file: TreeFile?)] {
    var applier = PatchApplier(lookup)
    for file in diff.files { try applier.apply(file) }
    return applier.order.map { ($0, applier.changes[$0] ?? nil) }
  }

  private func present(_ path: RepositoryPath) throws -> TreeFile? {
    if let change = changes[path] { return change }
    return try lookup(path)
  }

  private mutating func put(_ path: RepositoryPath, _ file: TreeFile?) {
    if changes.updateValue(file, forKey: path) == nil { order.append(path) }
  }

  private mutating func apply(_ change: UnifiedDiff.FileChange) throws {
    let old = try change.oldPath.map(Self.checked)
    let new = try change.newPath.map(Self.checked)
    guard let old else {
      guard let new else { throw PatchError(.malformed, "a change must name a file") }
      return try create(new, change)
    }
    guard let file = try present(old) else {
      throw PatchError(.missingFile, "\(old) is to be changed but is not there")
    }
    guard let new else { return try delete(old, file, change) }
    var result = TreeFile(try Self.patch(file.content, change.hunks, name: change.name), mode: file.mode)
    if let mode = change.newMode { result.mode = mode == "100755" ? .executable : .regular }
    if old != new {
      guard try present(new) == nil else { throw PatchError(.fileExists, "\(old) is to become \(new), which exists") }
      if !change.isCopy { put(old, nil) }
    } else if change.hunks.isEmpty, result == file {
      throw PatchError(.malformed, "the change to \(new) has no hunks")
    }
    put(new, result)
  }

  private mutating func create(_ path: RepositoryPath, _ change: UnifiedDiff.FileChange) throws {
    guard try present(path) == nil else {
      throw PatchError(.fileExists, "\(path) is to be created but exists: a change to it needs '--- a/\(path)'")
    }
    let content = try Self.patch([], change.hunks, name: path.text)
    put(path, TreeFile(content, mode: change.newMode == "100755" ? .executable : .regular))
  }

  private mutating func delete(_ path: RepositoryPath, _ file: TreeFile, _ change: UnifiedDiff.FileChange) throws {
    if !change.hunks.isEmpty {
      guard try Self.patch(file.content, change.hunks, name: path.text).isEmpty else {
        throw PatchError(.mismatch, "\(path) is to be deleted, but the diff does not remove all of its lines")
      }
    }
    put(path, nil)
  }

  private static func checked(_ path: String) throws(PatchError) -> RepositoryPath {
    do { return try RepositoryPath(path) } catch { throw PatchError(.badPath, error.message) }
  }
}

extension PatchApplier {
  /// A file's lines, each with the line end it has.
  private struct Lines {
    var lines: [ArraySlice<UInt8>] = []
    var usesCarriageReturn = false

    init(_ content: [UInt8]) {
      var start = 0
      for index in content.indices where content[index] == 10 {
        lines.append(content[start...index])
        start = index + 1
      }
      if start < content.count { lines.append(content[start...]) }
      let returns = lines.lazy.filter { $0.suffix(2).elementsEqual([13, 10]) }.count
      usesCarriageReturn = returns * 2 > lines.count
    }

    /// A line without its end.
    func text(_ index: Int) -> ArraySlice<UInt8> {
      var line = lines[index]
      if line.last == 10 { line.removeLast() }
      if line.last == 13 { line.removeLast() }
      return line
    }
  }

  /// The content with all hunks applied.
  private static func patch(
    _ content: [UInt8], _ hunks: [UnifiedDiff.Hunk], name: String
  ) throws(PatchError) -> [UInt8] {
    let file = Lines(content)
    var result: [UInt8] = []
    var (done, shift) = (0, 0)
    for (number, hunk) in hunks.enumerated() {
      guard let (start, trimmed) = place(hunk, in: file, from: done, shift: shift) else {
        throw mismatch(hunk, number: number + 1, name: name, file: file)
      }
      shift = start - max(0, (hunk.oldStart ?? 1) - 1)
      for index in done..<start { result.append(contentsOf: file.lines[index]) }
      done = start
      write(hunk.lines[trimmed], from: file, &done, into: &result)
    }
    for index in done..<file.lines.count { result.append(contentsOf: file.lines[index]) }
    return result
  }

  /// Where a hunk fits at or after a line, and which of its lines are used there.
  private static func place(
    _ hunk: UnifiedDiff.Hunk, in file: Lines, from done: Int, shift: Int
  ) -> (start: Int, lines: Range<Int>)? {
    let lines = hunk.lines
    if hunk.oldLines.isEmpty {
      // Nothing to match: only the place that the header says, or an empty file, is safe.
      guard let start = hunk.oldStart, file.lines.isEmpty || start > 0 else {
        return file.lines.isEmpty ? (0, lines.indices) : nil
      }
      let line = min(start, file.lines.count)
      return line >= done && (start <= file.lines.count) ? (line, lines.indices) : nil
    }
    let leading = lines.prefix { $0.kind == .context }.count
    let trailing = leading == lines.count ? 0 : lines.reversed().prefix { $0.kind == .context }.count
    for fuzz in 0...maximumFuzz where fuzz == 0 || fuzz <= max(leading, trailing) {
      let (top, bottom) = (min(fuzz, leading), min(fuzz, trailing))
      guard top + bottom < lines.count else { return nil }
      let used = top..<(lines.count - bottom)
      let old = lines[used].filter { $0.kind != .addition }
      guard !old.isEmpty else { return nil }
      let wanted = max(0, (hunk.oldStart ?? 1) - 1) + top + shift
      if let start = nearest(old, in: file, from: done, to: wanted) { return (start, used) }
    }
    return nil
  }

  /// The matching place that is nearest to the wanted one; the earlier of two that are equally near.
  private static func nearest(_ old: [UnifiedDiff.Hunk.Line], in file: Lines, from done: Int, to wanted: Int) -> Int? {
    let last = file.lines.count - old.count
    guard last >= done else { return nil }
    let center = min(max(wanted, done), last)
    for distance in 0...max(center - done, last - center) {
      for start in distance == 0 ? [center] : [center - distance, center + distance]
      where start >= done && start <= last && matches(old, in: file, at: start) {
        return start
      }
    }
    return nil
  }

  private static func matches(_ old: [UnifiedDiff.Hunk.Line], in file: Lines, at start: Int) -> Bool {
    old.indices.allSatisfy { file.text(start + $0).elementsEqual(old[$0].text) }
  }

  /// Writes a hunk's result: context as the file has it, additions with the file's kind of line end.
  private static func write(
    _ lines: ArraySlice<UnifiedDiff.Hunk.Line>, from file: Lines, _ done: inout Int, into result: inout [UInt8]
  ) {
    for line in lines {
      switch line.kind {
      case .context:
        result.append(contentsOf: file.lines[done])
        done += 1
      case .deletion:
        done += 1
      case .addition:
        // Text behind a last line that had no line end must not run into it.
        if let last = result.last, last != 10 { result.append(contentsOf: file.usesCarriageReturn ? [13, 10] : [10]) }
        result.append(contentsOf: line.text)
        if !line.isUnterminated { result.append(contentsOf: file.usesCarriageReturn ? [13, 10] : [10]) }
      }
    }
  }

  private static func mismatch(_ hunk: UnifiedDiff.Hunk, number: Int, name: String, file: Lines) -> PatchError {
    let wanted = hunk.oldLines.first { line in
      !line.text.allSatisfy { $0 == 32 } && !file.lines.indices.contains { file.text($0).elementsEqual(line.text) }
    }
    let hint = wanted.map { ": the file has no line '\(String(decoding: $0.text.prefix(120), as: UTF8.self))'" } ?? ""
    return PatchError(.mismatch, "hunk \(number) of \(name) (\(hunk.header)) does not fit the file\(hint)")
  }
}
