/// C strings and arrays that live as long as the arena.
@safe final class CArena {
  private var blocks: [UnsafeMutableRawPointer] = unsafe []

  deinit { for index in 0..<(unsafe blocks.count) { unsafe blocks[index].deallocate() } }

  /// A copy of bytes; never nil, also for none.
  func bytes(_ bytes: some Collection<UInt8>) -> UnsafeMutableRawPointer {
    let block = UnsafeMutableRawPointer.allocate(byteCount: max(1, bytes.count), alignment: 16)
    unsafe block.copyMemory(from: Array(bytes), byteCount: bytes.count)
    unsafe blocks.append(block)
    return unsafe block
  }

  /// A copy of a text that ends with NUL.
  func string(_ text: String) -> UnsafeMutablePointer<CChar> {
    unsafe bytes(Array(text.utf8) + [0]).assumingMemoryBound(to: CChar.self)
  }

  /// An array of copies of texts that ends with a null pointer.
  func strings(_ texts: [String]) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> {
    let size = unsafe MemoryLayout<UnsafeMutablePointer<CChar>?>.stride
    let block = UnsafeMutableRawPointer.allocate(byteCount: (texts.count + 1) * size, alignment: 16)
    unsafe blocks.append(block)
    let array = unsafe block.bindMemory(to: UnsafeMutablePointer<CChar>?.self, capacity: texts.count + 1)
    for (index, text) in texts.enumerated() { unsafe array[index] = string(text) }
    unsafe array[texts.count] = nil
    return unsafe array
  }
}
