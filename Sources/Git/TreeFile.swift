/// A file of a tree with its content.
package struct TreeFile: Hashable, Sendable {
  /// The modes that files here may have; symlinks and submodules are never written.
  package enum Mode: UInt32, Sendable {
    case regular = 0o100644
    case executable = 0o100755

    /// The six octal digits that git prints.
    package var text: String { String(rawValue, radix: 8) }
  }

  /// The bytes.
  package var content: [UInt8]
  /// The mode.
  package var mode: Mode

  /// A file.
  package init(_ content: [UInt8], mode: Mode = .regular) {
    self.content = content
    self.mode = mode
  }
}

/// An entry of a listed tree.
package struct TreeEntry: Hashable, Sendable {
  /// What it is.
  package enum Kind: String, Sendable { case file, directory, symlink, submodule }

  /// The path from the top of the tree.
  package let path: String
  /// What it is.
  package let kind: Kind
  /// Six octal digits.
  package let mode: String
  /// The object's name.
  package let id: ObjectID
  /// Bytes of a file; nil for anything else, or when it was not asked for.
  package let size: Int?
}
