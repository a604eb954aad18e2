/// The newest bytes of an endless stream, in a ring, found by their offsets from the stream's beginning.
///
///     0 ......... start ............... end
///       dropped         kept (capacity)     to come
///
/// Memory grows with what is kept, up to the capacity.
package struct Scrollback: Sendable {
  /// Most bytes that are kept.
  package let capacity: Int
  /// The offset behind the newest byte: how many there have been.
  package private(set) var end = 0
  // The byte at an offset stands at the remainder of its division by the capacity.
  private var storage: [UInt8] = []

  /// An empty ring for so many bytes, at least one.
  package init(capacity: Int) { self.capacity = max(1, capacity) }

  /// The offset of the oldest byte that is kept.
  package var start: Int { end - storage.count }

  /// Puts bytes at the end and drops as many of the oldest as it takes.
  package mutating func append(_ bytes: UnsafeRawBufferPointer) {
    var taken = 0
    while taken < bytes.count {
      let place = end % capacity
      let count = min(bytes.count - taken, capacity - place)
      let piece = unsafe UnsafeRawBufferPointer(rebasing: bytes[taken..<taken + count])
      if place == storage.count {
        unsafe storage.append(contentsOf: piece)
      } else {
        unsafe storage.withUnsafeMutableBytes { storage in
          unsafe UnsafeMutableRawBufferPointer(rebasing: storage[place..<place + count]).copyMemory(from: piece)
        }
      }
      end += count
      taken += count
    }
  }

  /// Puts bytes at the end.
  package mutating func append(_ bytes: [UInt8]) { unsafe bytes.withUnsafeBytes { unsafe append($0) } }

  /// At most so many bytes from an offset on; none when that is not kept or still to come.
  package func read(from offset: Int, limit: Int) -> [UInt8] {
    guard offset >= start, offset < end else { return [] }
    let count = min(limit, end - offset)
    let place = offset % capacity
    var bytes = Array(storage[place..<min(place + count, storage.count)])
    if bytes.count < count { bytes.append(contentsOf: storage[..<(count - bytes.count)]) }
    return bytes
  }
}
