import CZlib

/// Restores the bytes of a raw DEFLATE stream (RFC 1951) with zlib, as they come.
///
/// Holds about 2^window bytes and 8 KiB until it is released.
@safe package final class Inflater {
  private let stream: UnsafeMutablePointer<z_stream>

  /// A decompressor for a peer whose window has 2^`windowBits` bytes, 8 to 15.
  package init(windowBits: Int = 15) throws(CompressionError) {
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    guard unsafe czlib_inflate_init(stream, Int32(-windowBits)) == Z_OK else {
      unsafe stream.deallocate()
      throw .outOfMemory
    }
  }

  deinit {
    unsafe inflateEnd(stream)
    unsafe stream.deallocate()
  }

  /// Forgets what came before, for a peer that does so too.
  package func reset() { unsafe inflateReset(stream) }

  /// Whether the last byte that was given ended a block, so that nothing of it is still owed.
  package var isBetweenBlocks: Bool { unsafe stream.pointee.data_type & 128 != 0 }

  /// Restores bytes and appends them; a stream that ends is followed by another one with the same window.
  ///
  /// - Throws: `CompressionError`: `tooLarge` as soon as more than `limit` bytes would be appended.
  package func decompress(_ bytes: [UInt8], into output: inout [UInt8], limit: Int) throws(CompressionError) {
    var code = Z_OK
    let bound = output.count + limit
    var isDone = false
    var taken = 0
    while !isDone {
      let start = output.count
      // One byte above the limit tells that there would be more.
      let room = min(max(256, (bytes.count - taken) * 4), 64 * 1024, bound - start + 1)
      guard room > 0 else { throw .tooLarge }
      output.append(contentsOf: repeatElement(0, count: room))
      let left: Int
      (left, taken, code) = step(bytes, from: taken, into: &output, at: start, room: room)
      output.removeLast(left)
      if code == Z_STREAM_END {
        try restart()
      } else if code != Z_OK, code != Z_BUF_ERROR {
        guard code != Z_MEM_ERROR else { throw .outOfMemory }
        // It may be bad behind the limit, which whoever gets it in smaller pieces sees first.
        guard output.count <= bound else { throw .tooLarge }
        throw .badData(unsafe stream.pointee.msg.map { unsafe String(cString: $0) } ?? "")
      }
      isDone = taken == bytes.count && left > 0
    }
    guard output.count <= bound else { throw .tooLarge }
  }

  private func step(
    _ bytes: [UInt8], from taken: Int, into output: inout [UInt8], at start: Int, room: Int
  ) -> (left: Int, taken: Int, code: Int32) {
    unsafe bytes.withUnsafeBufferPointer { input in
      unsafe output.withUnsafeMutableBufferPointer { buffer in
        // zlib only reads what `next_in` points to.
        unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress?.advanced(by: taken))
        unsafe stream.pointee.avail_in = UInt32(input.count - taken)
        unsafe stream.pointee.next_out = buffer.baseAddress?.advanced(by: start)
        unsafe stream.pointee.avail_out = UInt32(room)
        let code = unsafe inflate(stream, Z_SYNC_FLUSH)
        return unsafe (Int(stream.pointee.avail_out), input.count - Int(stream.pointee.avail_in), code)
      }
    }
  }

  /// Begins anew behind a final block (RFC 7692 section 7.2.3.5) and keeps the window.
  private func restart() throws(CompressionError) {
    var window = [UInt8](repeating: 0, count: 1 << 15)
    var count: UInt32 = 0
    let code = unsafe window.withUnsafeMutableBufferPointer { buffer -> Int32 in
      guard unsafe inflateGetDictionary(stream, buffer.baseAddress, &count) == Z_OK else { return Z_STREAM_ERROR }
      guard unsafe inflateReset(stream) == Z_OK else { return Z_STREAM_ERROR }
      return unsafe count == 0 ? Z_OK : inflateSetDictionary(stream, buffer.baseAddress, count)
    }
    guard code == Z_OK else { throw .badData("the window is lost") }
  }
}
