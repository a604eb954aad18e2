/// Why bytes could not be compressed or restored.
package enum CompressionError: Error, Sendable, Hashable {
  /// The bytes are no DEFLATE stream; zlib's word for it.
  case badData(String)
  /// The restored bytes would be more than the caller allows.
  case tooLarge
  /// The system has no memory for the stream's window.
  case outOfMemory
}
