package import HTTPTypes

/// Writes status lines, fields and chunks (RFC 9112 sections 4, 5 and 7.1) into a byte array.
package enum ResponseEncoder {
  /// Writes the beginning of a response head: the status line and the given fields; `endHead` must follow.
  ///
  /// Names and values are the server's own or were checked before: a CR or LF in a value is written as a space, so that
  /// no value can start a new line.
  package static func head(status: HTTPResponse.Status, fields: HeaderFields, into bytes: inout [UInt8]) {
    bytes.append(
      contentsOf: statusLines[status.code] ?? Array("HTTP/1.1 \(status.code) \(status.reasonPhrase)\r\n".utf8))
    for field in fields.fields { self.field(field.name, field.value, into: &bytes) }
  }

  /// Writes the empty line behind the fields.
  package static func endHead(into bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\r"))
    bytes.append(UInt8(ascii: "\n"))
  }

  /// Writes one field line.
  package static func field(_ name: String, _ value: String, into bytes: inout [UInt8]) {
    bytes.append(contentsOf: name.utf8)
    bytes.append(UInt8(ascii: ":"))
    bytes.append(UInt8(ascii: " "))
    let start = bytes.count
    bytes.append(contentsOf: value.utf8)
    for index in start..<bytes.count where !ByteClasses.isFieldValue(bytes[index]) { bytes[index] = 0x20 }
    bytes.append(UInt8(ascii: "\r"))
    bytes.append(UInt8(ascii: "\n"))
  }

  /// Writes `100 Continue`.
  package static func `continue`(into bytes: inout [UInt8]) {
    bytes.append(contentsOf: "HTTP/1.1 100 Continue\r\n\r\n".utf8)
  }

  /// Writes one chunk; an empty one is left out, since it would end the body.
  package static func chunk(_ data: [UInt8], into bytes: inout [UInt8]) {
    guard !data.isEmpty else { return }
    bytes.append(contentsOf: String(data.count, radix: 16).utf8)
    bytes.append(contentsOf: [13, 10])
    bytes.append(contentsOf: data)
    bytes.append(contentsOf: [13, 10])
  }

  /// Writes the chunk that ends a body, without trailers.
  package static func lastChunk(into bytes: inout [UInt8]) { bytes.append(contentsOf: "0\r\n\r\n".utf8) }

  private static let statusLines: [Int: [UInt8]] = {
    let statuses: [HTTPResponse.Status] = [
      .ok, .created, .accepted, .noContent, .partialContent, .notModified, .badRequest, .forbidden, .notFound,
      .methodNotAllowed, .conflict, .unprocessableContent, .internalServerError,
    ]
    return Dictionary(
      uniqueKeysWithValues: statuses.map { ($0.code, Array("HTTP/1.1 \($0.code) \($0.reasonPhrase)\r\n".utf8)) })
  }()
}
