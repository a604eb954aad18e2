/// Applies unified diffs to texts that are in no repository.
package enum TextPatch {
  /// The texts that a diff changes, by path, with nil for a deleted one.
  ///
  /// - Throws: `PatchError` when the diff cannot be read or does not fit.
  package static func apply(_ patch: String, to texts: [String: String]) throws -> [String: String?] {
    let changes = try PatchApplier.apply(try UnifiedDiffParser.parse(patch)) { path in
      texts[path.text].map { TreeFile(Array($0.utf8)) }
    }
    var result: [String: String?] = [:]
    for (path, file) in changes {
      result.updateValue(file.map { String(decoding: $0.content, as: UTF8.self) }, forKey: path.text)
    }
    return result
  }
}
