import CZlib

/// Compresses bytes with zlib: a raw DEFLATE stream (RFC 1951) or a gzip file (RFC 1952).
///
/// Holds about 2^(window + 2) + 2^(memory level + 9) bytes until it is released (zconf.h).
@safe package final class Deflater {
  /// What surrounds the compressed blocks.
  package enum Format: Sendable {
    /// Nothing.
    case raw
    /// The header and the checksum of a gzip file.
    case gzip
  }

  /// How far the output must go.
  package enum Flush: Sendable {
    /// As zlib likes: more will follow.
    case none
    /// All input so far can be restored from the output, which ends with the bytes 00 00 FF FF.
    case sync
    /// The stream ends.
    case finish

    fileprivate var code: Int32 {
      switch self {
      case .none: Z_NO_FLUSH
      case .sync: Z_SYNC_FLUSH
      case .finish: Z_FINISH
      }
    }
  }

  private let stream: UnsafeMutablePointer<z_stream>

  /// A compressor whose window has 2^`windowBits` bytes, 9 to 15.
  ///
  /// `level` is 1 (fast) to 9 (small), `memoryLevel` 1 to 9.
  package init(_ format: Format, windowBits: Int = 15, level: Int = 6, memoryLevel: Int = 8) throws(CompressionError) {
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    let bits = Int32(format == .raw ? -windowBits : windowBits + 16)
    guard unsafe czlib_deflate_init(stream, Int32(level), bits, Int32(memoryLevel)) == Z_OK else {
      unsafe stream.deallocate()
      throw .outOfMemory
    }
  }

  deinit {
    unsafe deflateEnd(stream)
    unsafe stream.deallocate()
  }

  /// Forgets what was compressed, so that nothing that follows refers to it.
  package func reset() { unsafe deflateReset(stream) }

  /// Compresses bytes and appends what comes out.
  package func compress(_ bytes: [UInt8], _ flush: Flush, into output: inout [UInt8]) {
    unsafe bytes.withUnsafeBufferPointer { input in
      // zlib only reads what `next_in` points to.
      unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
      unsafe stream.pointee.avail_in = UInt32(input.count)
      var room = min(64 * 1024, max(64, input.count / 4))
      var isFull = true
      while isFull {
        isFull = step(flush.code, room: room, into: &output)
        room = 64 * 1024
      }
    }
  }

  /// One call of zlib; true when it filled all of the room and may have more to say.
  private func step(_ flush: Int32, room: Int, into output: inout [UInt8]) -> Bool {
    let start = output.count
    output.append(contentsOf: repeatElement(0, count: room))
    let left = unsafe output.withUnsafeMutableBufferPointer { buffer -> Int in
      unsafe stream.pointee.next_out = buffer.baseAddress?.advanced(by: start)
      unsafe stream.pointee.avail_out = UInt32(room)
      _ = unsafe deflate(stream, flush)
      return unsafe Int(stream.pointee.avail_out)
    }
    output.removeLast(left)
    return left == 0
  }
}
