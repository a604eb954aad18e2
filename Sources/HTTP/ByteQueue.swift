import Glibc

/// Bytes in the order in which they came: appended at the end, consumed at the front.
///
/// Consumed room is reused, so that a connection that keeps up never grows its buffer.
package struct ByteQueue: Sendable {
  private var storage: [UInt8] = []
  private var start = 0

  /// An empty queue that has allocated nothing.
  package init() {}

  /// How many bytes wait.
  package var count: Int { storage.count - start }

  /// Whether nothing waits.
  package var isEmpty: Bool { storage.count == start }

  /// The byte at an offset from the front.
  package subscript(offset: Int) -> UInt8 { storage[start + offset] }

  /// A copy of the bytes at these offsets from the front.
  package subscript(offsets: Range<Int>) -> ArraySlice<UInt8> {
    storage[start + offsets.lowerBound..<start + offsets.upperBound]
  }

  /// Whether these bytes are at the front.
  func starts(with bytes: [UInt8]) -> Bool {
    guard count >= bytes.count else { return false }
    return unsafe storage.withUnsafeBytes { storage in
      unsafe bytes.withUnsafeBytes { bytes in
        guard let front = storage.baseAddress, let wanted = bytes.baseAddress else { return unsafe bytes.isEmpty }
        return unsafe memcmp(front + start, wanted, bytes.count) == 0
      }
    }
  }

  /// Lends the bytes at these offsets from the front.
  func withBytes<Result, Failure: Error>(
    _ offsets: Range<Int>, _ body: (Span<UInt8>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(storage.span.extracting(start + offsets.lowerBound..<start + offsets.upperBound))
  }

  /// The offset of the first such byte at or after `offset`, or nil (memchr(3)).
  package func firstOffset(of byte: UInt8, from offset: Int) -> Int? {
    unsafe storage.withUnsafeBytes { bytes in
      let from = start + offset
      guard from < bytes.count, let base = bytes.baseAddress,
        let found = unsafe memchr(base + from, Int32(byte), bytes.count - from)
      else { return nil }
      return unsafe UnsafeRawPointer(found) - base - start
    }
  }

  /// Puts bytes at the end.
  package mutating func append(_ bytes: some Collection<UInt8>) {
    compact()
    storage.append(contentsOf: bytes)
  }

  /// Puts bytes at the end; what is generic is not made for them beyond this target.
  package mutating func append(_ bytes: UnsafeRawBufferPointer) {
    compact()
    unsafe storage.append(contentsOf: bytes)
  }

  /// Drops bytes from the front.
  package mutating func consume(_ count: Int) {
    start += count
    if start == storage.count {
      storage.removeAll(keepingCapacity: storage.capacity <= 64 * 1024)
      start = 0
    }
  }

  /// Takes bytes off the front.
  package mutating func take(_ count: Int) -> [UInt8] {
    let bytes = Array(self[0..<count])
    consume(count)
    return bytes
  }

  private mutating func compact() {
    guard start > 4096, start * 2 > storage.count else { return }
    storage.removeFirst(start)
    start = 0
  }
}
