/// A path inside a repository that is safe to write.
///
/// Strict on purpose, since models and users choose these: relative, no empty, `.` or `..` segment, nothing that any
/// file system might take for `.git`, no backslash, no control character.
package struct RepositoryPath: Hashable, Sendable, CustomStringConvertible {
  /// The path, with `/` between segments.
  package let text: String

  /// Checks a path.
  ///
  /// - Throws: `GitError.badPath` that says which rule it breaks.
  package init(_ text: String) throws(GitError) {
    func refuse(_ rule: String) -> GitError {
      // Whoever reads the message must not be fooled by what stands in the path.
      let shown = text.unicodeScalars.prefix(200).map { $0.value < 0x20 || $0.value == 0x7F ? "\u{FFFD}" : String($0) }
      return GitError(.badPath, "the path '\(shown.joined())' \(rule)")
    }
    guard !text.isEmpty, text.utf8.count <= 1024 else { throw refuse("must have 1 to 1024 bytes") }
    guard !text.hasPrefix("/") else { throw refuse("must be relative to the repository") }
    guard text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F && $0 != "\\" }) else {
      throw refuse("must not hold control characters or backslashes")
    }
    for segment in text.split(separator: "/", omittingEmptySubsequences: false) {
      guard !segment.isEmpty, segment != ".", segment != ".." else {
        throw refuse("must not have empty, '.' or '..' segments")
      }
      guard segment.utf8.count <= 255 else { throw refuse("must have segments of at most 255 bytes") }
      guard !Self.isGitFolder(segment) else { throw refuse("must not lie in .git") }
    }
    self.text = text
  }

  /// Whether a segment names `.git` on any file system: by case, trailing dots and spaces, a stream suffix, the short
  /// name of NTFS, or characters that HFS+ ignores.
  private static func isGitFolder(_ segment: Substring) -> Bool {
    let ignored: Set<UInt32> = Set([0x200C, 0x200D, 0x200E, 0x200F, 0xFEFF]).union(0x202A...0x202E).union(
      0x206A...0x206F)
    var name = String(String.UnicodeScalarView(segment.unicodeScalars.filter { !ignored.contains($0.value) }))
      .lowercased()
    if let colon = name.firstIndex(of: ":") { name = String(name[..<colon]) }
    while name.hasSuffix(".") || name.hasSuffix(" ") { name.removeLast() }
    return name == ".git" || name == "git~1"
  }

  /// The folders above it, the topmost first: `a`, `a/b` for `a/b/c`.
  package var ancestors: [String] {
    let segments = text.split(separator: "/")
    return (1..<max(1, segments.count)).map { segments[0..<$0].joined(separator: "/") }
  }

  /// The path.
  package var description: String { text }
}
