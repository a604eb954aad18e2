import HTTP

/// The kind of a frame (RFC 6455 section 5.2).
package enum Opcode: UInt8, Sendable {
  case continuation = 0x0
  case text = 0x1
  case binary = 0x2
  case close = 0x8
  case ping = 0x9
  case pong = 0xA

  /// Whether it controls the connection: at most 125 bytes, never fragmented (section 5.5).
  var isControl: Bool { rawValue & 0x8 != 0 }
}

/// Takes a client's bytes apart into frames (RFC 6455 section 5.2).
///
///      0                   1                   2                   3
///      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
///     +-+-+-+-+-------+-+-------------+-------------------------------+
///     |F|R|R|R| opcode|M| Payload len |    Extended payload length    |
///     |I|S|S|S|  (4)  |A|     (7)     |             (16/64)           |
///     |N|V|V|V|       |S|             |   (if payload len==126/127)   |
///     | |1|2|3|       |K|             |                               |
///     +-+-+-+-+-------+-+-------------+ - - - - - - - - - - - - - - - +
///     |     Masking-key (0 or 4 bytes), then the payload              |
///     +---------------------------------------------------------------+
///
/// Payload bytes of data frames are handed on as they come, so that text can be checked and size be bounded early.
struct FrameDecoder: Sendable {
  struct Header: Sendable, Hashable {
    let isFinal: Bool
    /// RSV1, which says that the message is compressed (RFC 7692 section 6).
    let isCompressed: Bool
    let opcode: Opcode
    let length: Int
    let maskingKey: UInt32
  }

  enum Event: Sendable {
    case header(Header)
    /// Unmasked payload bytes; `isLast` tells that the frame is complete. An empty frame gives one empty event.
    case payload([UInt8], isLast: Bool)
  }

  private enum State: Sendable {
    case header
    case payload(Header, done: Int)
  }

  private var state = State.header
  private let allowsCompression: Bool

  init(allowsCompression: Bool) { self.allowsCompression = allowsCompression }

  /// The next event, or nil when more bytes are needed.
  mutating func next(_ queue: inout ByteQueue) throws(WebSocketError) -> Event? {
    switch state {
    case .header:
      guard let header = try header(&queue) else { return nil }
      state = .payload(header, done: 0)
      return .header(header)
    case .payload(let header, let done):
      let count = min(queue.count, header.length - done)
      guard count > 0 || header.length == done else { return nil }
      // A control frame is handed on whole.
      if header.opcode.isControl, count < header.length { return nil }
      var bytes = queue.take(count)
      Self.unmask(&bytes, header.maskingKey, offset: done)
      let isLast = done + count == header.length
      state = isLast ? .header : .payload(header, done: done + count)
      return .payload(bytes, isLast: isLast)
    }
  }

  private func header(_ queue: inout ByteQueue) throws(WebSocketError) -> Header? {
    guard queue.count >= 2 else { return nil }
    let (first, second) = (queue[0], queue[1])
    guard let opcode = Opcode(rawValue: first & 0x0F) else {
      throw WebSocketError(.protocolError, "unknown opcode \(first & 0x0F)")
    }
    let isCompressed = first & 0x40 != 0
    let mayBeCompressed = allowsCompression && (opcode == .text || opcode == .binary)
    guard first & 0x30 == 0, !isCompressed || mayBeCompressed else {
      throw WebSocketError(.protocolError, "reserved bits must be 0")
    }
    let isFinal = first & 0x80 != 0
    guard second & 0x80 != 0 else { throw WebSocketError(.protocolError, "a client must mask its frames") }
    let short = Int(second & 0x7F)
    if opcode.isControl {
      guard isFinal else { throw WebSocketError(.protocolError, "a control frame must not be fragmented") }
      guard short <= 125 else { throw WebSocketError(.protocolError, "a control frame may have 125 bytes") }
    }
    let extended = short == 126 ? 2 : short == 127 ? 8 : 0
    guard queue.count >= 6 + extended else { return nil }
    var length = short
    if extended > 0 {
      var value: UInt64 = 0
      for offset in 0..<extended { value = value << 8 | UInt64(queue[2 + offset]) }
      guard value < 1 << 63 else { throw WebSocketError(.protocolError, "a length must have its top bit 0") }
      guard value > (extended == 2 ? 125 : 65_535) else {
        throw WebSocketError(.protocolError, "a length must be written in as few bytes as it needs")
      }
      length = Int(value)
    }
    // The key's first byte stands lowest, as in memory.
    var maskingKey: UInt32 = 0
    for offset in 0..<4 { maskingKey |= UInt32(queue[2 + extended + offset]) << (8 * offset) }
    queue.consume(6 + extended)
    return Header(
      isFinal: isFinal, isCompressed: isCompressed, opcode: opcode, length: length, maskingKey: maskingKey)
  }

  /// Takes the mask off bytes that stand at an offset of the payload (section 5.3), eight at a time.
  private static func unmask(_ bytes: inout [UInt8], _ maskingKey: UInt32, offset: Int) {
    let shift = UInt32(8 * (offset & 3))
    let key = shift == 0 ? maskingKey : maskingKey >> shift | maskingKey << (32 - shift)
    let wide = UInt64(key) << 32 | UInt64(key)
    unsafe bytes.withUnsafeMutableBytes { buffer in
      var index = 0
      while index + 8 <= buffer.count {
        let word = unsafe buffer.loadUnaligned(fromByteOffset: index, as: UInt64.self).littleEndian ^ wide
        unsafe buffer.storeBytes(of: word.littleEndian, toByteOffset: index, as: UInt64.self)
        index += 8
      }
      while index < buffer.count {
        unsafe buffer[index] ^= UInt8(truncatingIfNeeded: key >> UInt32(8 * (index & 3)))
        index += 1
      }
    }
  }
}
