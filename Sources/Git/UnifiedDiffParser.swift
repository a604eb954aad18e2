/// Reads unified diffs as models write them.
///
/// Lenient about what carries no meaning: prose and code fences around, a missing `diff --git` line, line numbers and
/// counts, CR LF, a missing final newline, context lines that lost their blank. Strict about what could do harm:
/// symlinks, submodules and binary patches are refused here, paths when they are used.
///
///     prose -> file header -> hunk header -> lines ... -> hunk or file header ... -> end
struct UnifiedDiffParser {
  /// A line without its end.
  struct Line {
    let text: Substring
    let hasCarriageReturn: Bool

    init(_ bytes: Substring.UTF8View) {
      hasCarriageReturn = bytes.last == 13
      text = Substring(hasCarriageReturn ? bytes.dropLast() : bytes)
    }
  }

  private(set) var lines: [Line]
  var position = 0
  private var files: [UnifiedDiff.FileChange] = []
  var file: UnifiedDiff.FileChange?
  private var hasPaths = false

  private init(_ text: String) {
    // In Swift CR LF is one character, which would hide line ends from a split of characters.
    lines = Substring(text).utf8.split(separator: 10, omittingEmptySubsequences: false).map(Line.init)
    if lines.last?.text == "" { lines.removeLast() }
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
      let line = lines[position].text
      if line.hasPrefix("diff --git ") {
        finishFile()
        file = UnifiedDiff.FileChange()
        hasPaths = false
        let paths = try Self.gitHeader(line.dropFirst("diff --git ".count))
        if let paths { file?.paths = paths }
        position += 1
      } else if isPathLines(position) {
        try takePaths()
      } else if line.hasPrefix("@@@") {
        throw PatchError(.unsupported, "diffs of merges are not taken: found '\(line.prefix(80))'")
      } else if line.hasPrefix("@@") {
        guard let file, file.oldPath != nil || file.newPath != nil else {
          throw PatchError(
            .malformed, "a hunk must follow '--- a/file' and '+++ b/file', found '\(line.prefix(80))' before them")
        }
        try takeHunk()
      } else {
        try takeExtendedHeader(line)
        position += 1
      }
    }
    finishFile()
  }

  /// Whether a line and the next are `---` and `+++` with paths.
  func isPathLines(_ index: Int) -> Bool {
    index + 1 < lines.count && lines[index].text.hasPrefix("--- ") && lines[index + 1].text.hasPrefix("+++ ")
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
    let old = try Self.path(lines[position].text.dropFirst(4))
    let new = try Self.path(lines[position + 1].text.dropFirst(4))
    guard old != nil || new != nil else {
      throw PatchError(.malformed, "a change must name a file on one side, found /dev/null on both")
    }
    position += 2
    // What `rename`, `new file` and `deleted file` lines said before stands.
    if file?.isNamed == true { return }
    let isNew = file?.isNew == true && new != nil
    let isDeleted = file?.isDeleted == true && old != nil
    file?.paths = Self.pair(isNew ? nil : old, isDeleted ? nil : new)
  }

  private mutating func takeExtendedHeader(_ line: Substring) throws(PatchError) {
    guard file != nil, file?.hunks.isEmpty == true else { return }
    func value(_ key: String) -> Substring? { line.hasPrefix(key) ? line.dropFirst(key.count) : nil }
    if let mode = value("new file mode ") {
      file?.newMode = try Self.mode(mode)
      file?.isNew = true
      file?.removeOld()
    } else if let mode = value("deleted file mode ") {
      _ = try Self.mode(mode)
      file?.isDeleted = true
      file?.removeNew()
    } else if let mode = value("old mode ") {
      _ = try Self.mode(mode)
    } else if let mode = value("new mode ") {
      file?.newMode = try Self.mode(mode)
    } else if let path = value("rename from ") ?? value("copy from ") {
      file?.name(old: try Self.path(path))
      file?.isCopy = line.hasPrefix("copy")
    } else if let path = value("rename to ") ?? value("copy to ") {
      file?.name(new: try Self.path(path))
    } else if line.hasPrefix("GIT binary patch") || line.hasPrefix("Binary files ") {
      throw PatchError(.unsupported, "binary patches are not taken: \(file?.name ?? "")")
    } else if value("index ") != nil, let mode = line.split(separator: " ").dropFirst(2).first {
      _ = try Self.mode(mode)
    }
  }

  private static func mode(_ text: Substring) throws(PatchError) -> String {
    let mode = text.trimmingSpaces
    guard mode == "100644" || mode == "100755" else {
      throw PatchError(.badMode, "the only modes are 100644 and 100755, found \(mode.prefix(20))")
    }
    return mode
  }
}
