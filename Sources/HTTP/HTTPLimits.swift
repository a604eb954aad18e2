/// The sizes above which a request is refused; see the table of limits in the README.
package struct HTTPLimits: Sendable {
  /// Bytes of the request line without its line end; more is answered 414.
  package var requestLine = 8 * 1024
  /// Bytes of all field lines with their line ends; more is answered 431.
  package var headerBlock = 32 * 1024
  /// Field lines; more is answered 431.
  package var headerFields = 100
  /// Bytes of one chunk-size line with its extensions, and of all trailer lines together.
  package var chunkLine = 4 * 1024
  /// Bytes of the trailer section of a chunked body.
  package var trailers = 32 * 1024

  /// The default limits.
  package init() {}
}
