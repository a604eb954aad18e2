import Glibc

/// `uri-host [ ":" port ]`, the value of `Host` and the authority of a target (RFC 9110 section 7.2, RFC 3986 section
/// 3.2.2), without user information, which HTTP does not take (RFC 9110 section 4.2.4).
enum Authority {
  /// Whether the bytes are one; an empty host is one when it may be (RFC 9112 section 3.2).
  static func isValid(_ text: some Collection<UInt8>, emptyHost: Bool) -> Bool {
    let bytes = ArraySlice(text)
    let end = bytes.first == UInt8(ascii: "[") ? bytes.firstIndex(of: UInt8(ascii: "]")).map { $0 + 1 } : nil
    let hostEnd = end ?? bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.endIndex
    let (host, rest) = (bytes[..<hostEnd], bytes[hostEnd...])
    guard rest.isEmpty || rest.first == UInt8(ascii: ":") && rest.dropFirst().allSatisfy(ByteClasses.isDigit) else {
      return false
    }
    if host.isEmpty { return emptyHost && rest.isEmpty }
    return end == nil ? isName(host) : isAddress(host.dropFirst().dropLast())
  }

  /// Whether it is letters, digits, dots and hyphens with at most a port behind, as nearly every authority is: that is
  /// seen at once, and anything else must be looked at with care.
  static func isUsual(_ text: String) -> Bool {
    var isPort = false
    var count = 0
    for byte in text.utf8 {
      if isPort {
        guard ByteClasses.isDigit(byte) else { return false }
      } else if byte == UInt8(ascii: ":") {
        isPort = true
      } else {
        guard ByteClasses.isUnreserved(byte) else { return false }
        count += 1
      }
    }
    return count > 0
  }

  /// A registered name or an IPv4 address: unreserved characters, sub-delimiters and percent-encoded bytes.
  private static func isName(_ host: ArraySlice<UInt8>) -> Bool {
    var index = host.startIndex
    while index < host.endIndex {
      if host[index] == UInt8(ascii: "%") {
        guard host.endIndex - index > 2, ByteClasses.hexadecimal(host[index + 1]) != nil,
          ByteClasses.hexadecimal(host[index + 2]) != nil
        else { return false }
        index += 3
      } else {
        guard ByteClasses.isUnreserved(host[index]) || "!$&'()*+;=".utf8.contains(host[index]) else { return false }
        index += 1
      }
    }
    return true
  }

  /// What stands between brackets: an IPv6 address, or one of a later version.
  private static func isAddress(_ text: ArraySlice<UInt8>) -> Bool {
    if text.first == UInt8(ascii: "v") || text.first == UInt8(ascii: "V") {
      guard let dot = text.firstIndex(of: UInt8(ascii: ".")), dot > text.startIndex + 1, dot < text.endIndex - 1
      else { return false }
      return text[(text.startIndex + 1)..<dot].allSatisfy { ByteClasses.hexadecimal($0) != nil }
        && text[(dot + 1)...].allSatisfy { ByteClasses.isUnreserved($0) || "!$&'()*+,;=:".utf8.contains($0) }
    }
    guard text.allSatisfy({ ByteClasses.hexadecimal($0) != nil || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") })
    else { return false }
    var address = in6_addr()
    return unsafe inet_pton(AF_INET6, String(decoding: text, as: UTF8.self), &address) == 1
  }
}
