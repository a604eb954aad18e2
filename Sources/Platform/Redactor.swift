/// Takes secrets out of texts before they are logged, stored or shown: keys of known shapes (OpenAI, Anthropic, Google,
/// GitHub, AWS, private keys, authorisation headers, our own tokens) and the keys that the daemon is configured with.
///
/// One pass over the bytes. Works on plain text and on encoded JSON alike: what is taken out holds no quote and no
/// backslash, so that JSON stays JSON.
package struct Redactor: Sendable {
  /// What stands in the place of a secret.
  package static let marker = "[redacted]"
  /// Configured keys that are shorter than this are not looked for: they would match words.
  package static let shortestKey = 8

  private let literals: [[UInt8]]
  private let shapes: [SecretShape]
  /// For each byte, in which groups of beginnings it stands first, second and third: where all three have a group in
  /// common a secret may begin, and nowhere else.
  private let (first, second, third): ([UInt8], [UInt8], [UInt8])

  /// A redactor for known shapes, unless they are left out, and for these keys.
  package init(keys: [Secret] = [], knowsShapes: Bool = true) {
    var literals: Set<[UInt8]> = []
    for key in keys where key.revealed.utf8.count >= Self.shortestKey {
      literals.insert(Array(key.revealed.utf8))
      literals.insert(Array(Self.escaped(key.revealed).utf8))
    }
    // The longest first: of two keys one may begin with the other.
    self.literals = literals.sorted { $0.count > $1.count }
    shapes = knowsShapes ? SecretShape.all : []
    var tables = [[UInt8]](repeating: [UInt8](repeating: 0, count: 256), count: 3)
    func add(_ beginning: [UInt8], ignoresCase: Bool = false) {
      guard let first = beginning.first else { return }
      for (table, byte) in zip(tables.indices, beginning) {
        tables[table][Int(byte)] |= 1 << (first & 7)
        if ignoresCase, SecretShape.isAlphanumeric(byte) { tables[table][Int(byte ^ 0x20)] |= 1 << (first & 7) }
      }
    }
    for literal in literals { add(literal) }
    for shape in shapes { add(shape.prefix, ignoresCase: shape.ignoresCase) }
    if knowsShapes { add(PrivateKeyBlock.begin) }
    (first, second, third) = (tables[0], tables[1], tables[2])
  }

  /// A key as it stands in encoded JSON.
  private static func escaped(_ key: String) -> String {
    key.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("/", with: "\\/")
  }

  /// The text without secrets; the same text when it has none.
  package func redact(_ text: String) -> String {
    guard let bytes = redacted(text.utf8.span) else { return text }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The bytes without secrets.
  package func redact(_ bytes: [UInt8]) -> [UInt8] { redacted(bytes.span) ?? bytes }

  private func redacted(_ bytes: Span<UInt8>) -> [UInt8]? {
    var output: [UInt8] = []
    var (position, copied) = (0, 0)
    while let start = candidate(in: bytes, from: position) {
      guard case .secret(let range) = find(in: bytes, at: start, isEnd: true) else {
        position = start + 1
        continue
      }
      for index in copied..<range.lowerBound { output.append(bytes[index]) }
      output.append(contentsOf: Self.marker.utf8)
      (position, copied) = (range.upperBound, range.upperBound)
    }
    guard copied > 0 else { return nil }
    for index in copied..<bytes.count { output.append(bytes[index]) }
    return output
  }

  /// The next place where a secret may begin, as far as its first three bytes tell.
  func candidate(in bytes: Span<UInt8>, from start: Int) -> Int? {
    let (first, second, third) = (first.span, second.span, third.span)
    var position = start
    while position + 2 < bytes.count {
      let groups = first[Int(bytes[position])]
      if groups != 0, groups & second[Int(bytes[position + 1])] & third[Int(bytes[position + 2])] != 0 {
        return position
      }
      position += 1
    }
    while position < bytes.count {
      if first[Int(bytes[position])] != 0 { return position }
      position += 1
    }
    return nil
  }

  /// What begins at a place; with `isEnd` false it may be undecided.
  func find(in bytes: Span<UInt8>, at start: Int, isEnd: Bool) -> SecretShape.Finding {
    var isUndecided = false
    for literal in literals where bytes[start] == literal[0] {
      switch Self.find(literal, in: bytes, at: start) {
      case .secret(let range): return .secret(range)
      case .undecided: isUndecided = isUndecided || !isEnd
      case .none: break
      }
    }
    if !shapes.isEmpty, bytes[start] == PrivateKeyBlock.begin[0] {
      let found = PrivateKeyBlock.find(in: bytes, at: start, isEnd: isEnd)
      return found == .none && isUndecided ? .undecided : found
    }
    guard Self.isWordStart(bytes, start) else { return isUndecided ? .undecided : .none }
    for shape in shapes {
      switch shape.find(in: bytes, at: start, isEnd: isEnd) {
      case .secret(let range): return isUndecided ? .undecided : .secret(range)
      case .undecided: isUndecided = true
      case .none: break
      }
    }
    return isUndecided ? .undecided : .none
  }

  private static func find(_ literal: [UInt8], in bytes: Span<UInt8>, at start: Int) -> SecretShape.Finding {
    for (offset, byte) in literal.enumerated() {
      guard start + offset < bytes.count else { return .undecided }
      guard bytes[start + offset] == byte else { return .none }
    }
    return .secret(start..<start + literal.count)
  }

  /// How many bytes before a place decide whether a word begins there.
  static let lookBehind = 6

  /// Whether no letter or digit stands before; the last letter of an escape such as `\n` in encoded JSON is none.
  private static func isWordStart(_ bytes: Span<UInt8>, _ start: Int) -> Bool {
    guard start > 0, SecretShape.isAlphanumeric(bytes[start - 1]) else { return true }
    if start > 1, bytes[start - 2] == UInt8(ascii: "\\"), "nrtbf".utf8.contains(bytes[start - 1]) { return true }
    return start > 5 && bytes[start - 6] == UInt8(ascii: "\\") && bytes[start - 5] == UInt8(ascii: "u")
  }
}
