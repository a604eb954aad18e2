import Compression

/// Compresses a server's messages for one connection (RFC 7692 section 7.2.1).
///
/// A message that is compressed once for many connections (`compressAlone`) refers to nothing before it. When such a
/// one is sent in between, `forget` must be called, so that what this compressor sends next does not refer to messages
/// that lie further back for the client than for us.
package final class MessageCompressor {
  private let parameters: DeflateParameters
  private var deflater: Deflater?

  /// A compressor that allocates its window with the first message.
  package init(_ parameters: DeflateParameters) { self.parameters = parameters }

  /// Messages with fewer bytes are not worth compressing.
  package static let threshold = 48

  /// Whether this connection can take messages that were compressed with `compressAlone`.
  package var takesShared: Bool { parameters.serverWindowBits >= DeflateParameters.preferredWindowBits }

  /// A message as one frame, compressed when that makes it smaller.
  package func frame(_ opcode: Opcode, _ payload: [UInt8]) -> [UInt8] {
    guard payload.count >= Self.threshold, let deflater = ready() else { return FrameEncoder.frame(opcode, payload) }
    if parameters.serverForgets { deflater.reset() }
    return Self.frame(opcode, payload, deflater)
  }

  /// Makes the next message refer to none of the ones before it.
  package func forget() { deflater?.reset() }

  /// A message as one frame that any connection can take whose compressor says so with `takesShared`.
  package static func compressAlone(_ opcode: Opcode, _ payload: [UInt8]) -> [UInt8] {
    guard payload.count >= threshold,
      // Without memory for it the message goes out as it is.
      let deflater = try? Deflater(.raw, windowBits: DeflateParameters.preferredWindowBits, level: 5, memoryLevel: 5)
    else { return FrameEncoder.frame(opcode, payload) }
    return frame(opcode, payload, deflater)
  }

  private func ready() -> Deflater? {
    if deflater == nil {
      // Without memory for it messages go out as they are.
      deflater = try? Deflater(.raw, windowBits: parameters.serverWindowBits, level: 5, memoryLevel: 5)
    }
    return deflater
  }

  private static func frame(_ opcode: Opcode, _ payload: [UInt8], _ deflater: Deflater) -> [UInt8] {
    var compressed: [UInt8] = []
    deflater.compress(payload, .sync, into: &compressed)
    // A flush ends with 00 00 FF FF, which the receiver puts back (section 7.2.1 item 3).
    compressed.removeLast(4)
    return FrameEncoder.frame(opcode, compressed, isCompressed: true)
  }
}
