package import HTTPTypes

/// Why received bytes are no request that may be served, with the status to answer.
package struct HTTPParseError: Error, Sendable, Hashable {
  /// What was wrong.
  package enum Code: String, Sendable {
    case badRequestLine, badTarget, badVersion, badField, badHost, badFraming, badChunk
    case requestLineTooLong, fieldsTooLarge, unsupportedVersion, unsupportedTransferCoding
  }

  /// The kind.
  package let code: Code
  /// One lower-case sentence: what was wanted, what was found.
  package let message: String
  /// Offset in bytes from the start of the part (head or body) in which it was found.
  package let offset: Int

  /// An error of that kind at that byte.
  package init(_ code: Code, _ message: String, at offset: Int) {
    self.code = code
    self.message = message
    self.offset = offset
  }

  /// The status that answers it; the connection is closed after the answer.
  package var status: HTTPResponse.Status {
    switch code {
    case .requestLineTooLong: .uriTooLong
    case .fieldsTooLarge: .requestHeaderFieldsTooLarge
    case .unsupportedVersion: .httpVersionNotSupported
    case .unsupportedTransferCoding: .notImplemented
    default: .badRequest
    }
  }
}
