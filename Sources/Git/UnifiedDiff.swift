/// A change to some files, as a unified diff tells it.
package struct UnifiedDiff: Hashable, Sendable {
  /// The change to one file.
  package struct FileChange: Hashable, Sendable {
    /// The path before and after; nil for a side that does not exist.
    struct Paths: Hashable, Sendable {
      var old: String?
      var new: String?
    }

    /// The ways in which the paths can be read, the likeliest first: the one whose old file is there is meant.
    var paths: [Paths] = []
    /// The mode after, when the diff names one.
    package var newMode: String?
    /// Whether the old file stays when the paths differ.
    package var isCopy = false
    /// Whether header lines say that the file is made.
    var isNew = false
    /// Whether header lines say that the file is deleted.
    var isDeleted = false
    /// Whether header lines name both paths of a rename or a copy.
    var isNamed = false
    /// The changed places, in order.
    package var hunks: [Hunk] = []

    /// The path before, nil for a new file.
    package var oldPath: String? { paths.first?.old }
    /// The path after, nil for a deleted file.
    package var newPath: String? { paths.first?.new }
    /// The path that a person would name the change by.
    package var name: String { newPath ?? oldPath ?? "" }

    /// Takes the path of a rename or copy line, which has no prefix, unless a model put one there.
    mutating func name(old: String? = nil, new: String? = nil) {
      isNamed = isNamed || new != nil
      let named = Paths(old: old ?? oldPath, new: new ?? newPath)
      paths = [named]
      guard let old = named.old, let new = named.new, old.hasPrefix("a/"), new.hasPrefix("b/") else { return }
      paths.append(Paths(old: String(old.dropFirst(2)), new: String(new.dropFirst(2))))
    }

    /// Says that there is no file before.
    mutating func removeOld() { for index in paths.indices { paths[index].old = nil } }
    /// Says that there is no file after.
    mutating func removeNew() { for index in paths.indices { paths[index].new = nil } }
  }

  /// One changed place with its surroundings.
  package struct Hunk: Hashable, Sendable {
    /// One line of a hunk, without its line end.
    package struct Line: Hashable, Sendable {
      /// What the line does.
      package enum Kind: Sendable { case context, deletion, addition }
      /// What it does.
      package var kind: Kind
      /// Its bytes.
      package var text: [UInt8]
      /// Whether a CR stands before its line end in the diff.
      var hasCarriageReturn = false
      /// Whether the file ends after it without a line end.
      package var isUnterminated = false
    }

    /// The line numbers of its header, from 1; nil when the header has none.
    package var oldStart: Int?
    /// How many old lines the header says it has.
    var oldCount: Int?
    /// The lines.
    package var lines: [Line] = []
    /// The header as it stands in the diff, to name the hunk by.
    package var header: String

    /// The lines that must be in the file.
    var oldLines: [Line] { lines.filter { $0.kind != .addition } }

    /// Whether it changes nothing but the ends of some lines.
    ///
    /// Only then are these ends as they are meant: elsewhere models mix them by mistake.
    var changesLineEnds: Bool {
      let deleted = Set(lines.filter { $0.kind == .deletion })
      return lines.contains { line in
        guard line.kind == .addition else { return false }
        return deleted.contains(
          Line(
            kind: .deletion, text: line.text, hasCarriageReturn: !line.hasCarriageReturn,
            isUnterminated: line.isUnterminated))
      }
    }
  }

  /// The changes, in the order of the diff.
  package var files: [FileChange]
}

/// Why a diff cannot be read or does not fit; names the file and the hunk.
package struct PatchError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What kind of fault it is.
  package enum Code: String, Sendable {
    case malformed, badPath, badMode, mismatch, missingFile, fileExists, unsupported
  }

  /// The kind.
  package let code: Code
  /// One sentence: where, what was wanted, what was found.
  package let message: String

  /// An error of that kind.
  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// The sentence.
  package var description: String { message }
}
