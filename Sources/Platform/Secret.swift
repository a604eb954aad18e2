/// A text that must not be seen: it prints as `[secret]` and is no `Encodable`.
package struct Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The text itself, for the one place that needs it.
  package let revealed: String

  /// Keeps a text.
  package init(_ text: String) { revealed = text }

  /// `[secret]`.
  package var description: String { "[secret]" }
  /// `[secret]`.
  package var debugDescription: String { "[secret]" }
  /// Nothing to look into.
  package var customMirror: Mirror { Mirror(self, children: []) }
}
