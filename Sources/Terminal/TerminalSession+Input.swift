import Sandbox

// What is typed.
extension TerminalSession {
  func take(input bytes: [UInt8]) throws(TerminalError) {
    guard input.count + bytes.count <= Self.inputLimit else {
      throw TerminalError(
        .inputFull,
        "the program has \(input.count) bytes to read, so these \(bytes.count) were not taken; interrupt it, or wait")
    }
    input.append(contentsOf: bytes)
    writeInput()
  }

  func writeInput() {
    var written = 0
    while written < input.count {
      let count = terminal.write(input[written...])
      guard count > 0 else { break }
      written += count
    }
    input.removeFirst(written)
  }
}
