import CGit2

/// The SHA-1 name of a git object.
package struct ObjectID: Hashable, Sendable, CustomStringConvertible {
  /// 40 hexadecimal digits, lower case.
  package let hex: String

  /// A name from its 40 digits; nil when they are not that.
  package init?(_ hex: String) {
    let lower = hex.lowercased()
    guard lower.utf8.count == 40,
      lower.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
    else { return nil }
    self.hex = lower
  }

  init(_ raw: git_oid) {
    hex = unsafe withUnsafePointer(to: raw) { pointer in
      unsafe String(unsafeUninitializedCapacity: 40) { buffer in
        unsafe buffer.withMemoryRebound(to: CChar.self) { _ = unsafe git_oid_fmt($0.baseAddress, pointer) }
        return 40
      }
    }
  }

  var raw: git_oid {
    var raw = git_oid()
    unsafe git_oid_fromstr(&raw, hex)
    return raw
  }

  /// The digits.
  package var description: String { hex }
}
