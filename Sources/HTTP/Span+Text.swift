/// What the parsers ask of bytes that they have been lent.
extension Span where Element == UInt8 {
  /// The bytes as UTF-8, with U+FFFD for what is none.
  var text: String { unsafe withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) } }

  /// A copy of the bytes.
  var copy: [UInt8] { unsafe withUnsafeBufferPointer { unsafe Array($0) } }

  /// The index of the first such byte, or nil.
  func firstIndex(of byte: UInt8) -> Int? {
    for index in 0..<count where self[index] == byte { return index }
    return nil
  }

  /// Whether the bytes are this text.
  func isEqual(to text: StaticString) -> Bool {
    guard count == text.utf8CodeUnitCount else { return false }
    for index in 0..<count where unsafe self[index] != text.utf8Start[index] { return false }
    return true
  }
}
