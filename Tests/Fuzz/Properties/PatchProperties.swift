import Git

/// Of diffs: only safe paths change, what stands around a diff does not matter, and our own diffs fit.
enum PatchProperties {
  private static let texts = [
    "main.py": "import os\n\n\ndef main():\n    print(\"hello\")\n    return 0\n\n\nmain()\n",
    "empty.py": "", "returns.txt": "one\r\ntwo\r\nthree\r\n", "open.txt": "first\nlast", "a b.txt": "x\nx\nx\n",
  ]

  static func check(_ input: inout FuzzInput) throws(Violation) {
    guard let text = String(validating: input.bytes, as: UTF8.self) else { return }
    if input.options & 1 != 0 { return try checkOwn(text, split: input.split) }
    let result = apply(text)
    if case .changes(let changes) = result { try check(changes) }
    try claim(apply("Here is the patch:\n\n" + text) == result, "prose before a diff must not matter")
    guard !input.bytes.contains(13) else { return }
    let returns = Array(input.bytes.split(separator: 10, omittingEmptySubsequences: false).joined(separator: [13, 10]))
    try claim(apply(String(decoding: returns, as: UTF8.self)) == result, "CR LF in a diff must not matter")
  }

  private enum Result: Equatable {
    case changes([String: String?])
    case refused(PatchError.Code)
    case failed
  }

  private static func apply(_ patch: String, to texts: [String: String] = texts) -> Result {
    do { return .changes(try TextPatch.apply(patch, to: texts)) } catch let error as PatchError {
      return .refused(error.code)
    } catch {
      return .failed
    }
  }

  private static func check(_ changes: [String: String?]) throws(Violation) {
    try claim(!changes.isEmpty, "a diff that is taken must change something")
    for path in changes.keys {
      let segments = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map(String.init)
      let isSafe = segments.allSatisfy {
        guard let segment = $0 else { return false }
        return !segment.isEmpty && segment != "." && segment != ".." && segment.lowercased() != ".git"
      }
      try claim(isSafe && path.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }, "a path must be safe, found \(path)")
    }
  }

  /// The difference of two texts, applied to the first, must give the second.
  private static func checkOwn(_ text: String, split: Int) throws(Violation) {
    // Line ends follow the file, and a text with NUL is none for git: neither is promised.
    guard text.utf8.allSatisfy({ $0 != 13 && $0 != 0 }) else { return }
    let bytes = Array(text.utf8)
    let (old, new) = (
      String(decoding: bytes[..<split], as: UTF8.self), String(decoding: bytes[split...], as: UTF8.self)
    )
    guard !old.utf8.elementsEqual(new.utf8) else { return }
    let diff: String
    do { diff = try TextDiff.unified(old: old, new: new, path: "a.txt") } catch {
      throw Violation("two texts must have a difference: \(error)")
    }
    let found = apply(diff, to: ["a.txt": old])
    guard case .changes(let changes) = found, let changed = changes["a.txt"], let changed else {
      throw Violation("\(diff) must fit what it was made of, gave \(found)")
    }
    try claim(changed.utf8.elementsEqual(new.utf8), "\(diff) must give the new text, gave \(changed)")
  }
}
