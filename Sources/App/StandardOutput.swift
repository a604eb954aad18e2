import Foundation

/// Standard output, for what people and scripts read; the log goes to standard error.
enum StandardOutput {
  /// Writes a line at once.
  static func print(_ line: String) {
    // A reader that is gone must not stop the daemon.
    try? FileHandle.standardOutput.write(contentsOf: Data((line + "\n").utf8))
  }
}
