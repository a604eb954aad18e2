/// A change to some files, as a unified diff tells it.
package struct UnifiedDiff: Hashable, Sendable {
  /// The change to one file.
  package struct FileChange: Hashable, Sendable {
    /// The path before, nil for a new file.
    package var oldPath: String?
    /// The path after, nil for a deleted file.
    package var newPath: String?
    /// The mode after, when the diff names one.
    package var newMode: String?
    /// Whether the old file stays when the paths differ.
    package var isCopy = false
    /// The changed places, in order.
    package var hunks: [Hunk] = []

    /// The path that a person would name the change by.
    package var name: String { newPath ?? oldPath ?? "" }
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
      /// Whether the file ends after it without a line end.
      package var isUnterminated = false
    }

    /// The line numbers of its header, from 1; nil when the header has none.
    package var oldStart: Int?
    /// The lines.
    package var lines: [Line] = []
    /// The header as it stands in the diff, to name the hunk by.
    package var header: String

    /// The lines that must be in the file.
    var oldLines: [Line] { lines.filter { $0.kind != .addition } }
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
