/// Writes a server's frames (RFC 6455 section 5.2): final, unmasked, lengths in as few bytes as they need.
package enum FrameEncoder {
  /// A whole message in one frame, or a control frame with at most 125 bytes of payload.
  ///
  /// `isCompressed` sets RSV1: the payload is compressed (RFC 7692 section 6).
  package static func frame(_ opcode: Opcode, _ payload: [UInt8], isCompressed: Bool = false) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(payload.count + 10)
    bytes.append((isCompressed ? 0xC0 : 0x80) | opcode.rawValue)
    switch payload.count {
    case 0...125:
      bytes.append(UInt8(payload.count))
    case 126...65_535:
      bytes.append(126)
      bytes.append(UInt8(payload.count >> 8))
      bytes.append(UInt8(payload.count & 0xFF))
    default:
      bytes.append(127)
      for shift in stride(from: 56, through: 0, by: -8) {
        bytes.append(UInt8(truncatingIfNeeded: payload.count >> shift))
      }
    }
    bytes.append(contentsOf: payload)
    return bytes
  }

  /// A text message.
  package static func text(_ text: String) -> [UInt8] { frame(.text, Array(text.utf8)) }

  /// A close frame; the reason is cut to the 123 bytes that fit, at a character.
  package static func close(_ code: CloseCode, reason: String = "") -> [UInt8] {
    var text = reason
    while text.utf8.count > 123 { text.removeLast() }
    return frame(.close, [UInt8(code.rawValue >> 8), UInt8(code.rawValue & 0xFF)] + Array(text.utf8))
  }
}
