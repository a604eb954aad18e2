import Foundation

/// Standard output, for what people and scripts read; the log goes to standard error.
enum StandardOutput {
  /// Writes a line at once.
  static func print(_ line: String) {
    // A reader that is gone must not stop the daemon.
    try? FileHandle.standardOutput.write(contentsOf: Data((line + "\n").utf8))
  }
}

/// Standard error, for what commands say beside their results.
enum StandardError {
  /// Writes a line at once.
  static func print(_ line: String) {
    // A reader that is gone must not stop the program.
    try? FileHandle.standardError.write(contentsOf: Data((line + "\n").utf8))
  }
}
