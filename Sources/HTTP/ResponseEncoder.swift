package import HTTPTypes

/// Writes status lines, fields and chunks (RFC 9112 sections 4, 5 and 7.1) into a byte array.
package enum ResponseEncoder {
  /// Writes the beginning of a response head: the status line and the given fields; `endHead` must follow.
  ///
  /// Names and values are the server's own or were checked before: a CR or LF in a value is written as a space, so that
  /// no value can start a new line.
  package static func head(status: HTTPResponse.Status, fields: HeaderFields, into bytes: inout [UInt8]) {
    let line = status.code < statusLines.count ? statusLines[status.code] : []
    if line.isEmpty {
      bytes.append("HTTP/1.1 \(status.code) \(status.reasonPhrase)\r\n")
    } else {
      bytes.append(contentsOf: line)
    }
    for field in fields.fields { self.field(field.name, field.value, into: &bytes) }
  }

  /// Writes the empty line behind the fields.
  package static func endHead(into bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\r"))
    bytes.append(UInt8(ascii: "\n"))
  }

  /// Writes one field line.
  package static func field(_ name: String, _ value: String, into bytes: inout [UInt8]) {
    bytes.append(name)
    bytes.append(UInt8(ascii: ":"))
    bytes.append(UInt8(ascii: " "))
    let start = bytes.count
    bytes.append(value)
    let isSimple = unsafe bytes.withUnsafeBytes {
      unsafe ByteClasses.areSimple(UnsafeRawBufferPointer(rebasing: $0[start...]))
    }
    if !isSimple {
      for index in start..<bytes.count where !ByteClasses.isFieldValue(bytes[index]) { bytes[index] = 0x20 }
    }
    endHead(into: &bytes)
  }

  /// Writes the field that tells the length of a body.
  package static func contentLength(_ count: Int, into bytes: inout [UInt8]) {
    bytes.append("content-length: ")
    bytes.append(decimal: count)
    endHead(into: &bytes)
  }

  /// Writes `100 Continue`.
  package static func `continue`(into bytes: inout [UInt8]) {
    bytes.append(contentsOf: "HTTP/1.1 100 Continue\r\n\r\n".utf8)
  }

  /// Writes one chunk; an empty one is left out, since it would end the body.
  package static func chunk(_ data: [UInt8], into bytes: inout [UInt8]) {
    guard !data.isEmpty else { return }
    bytes.append(String(data.count, radix: 16))
    endHead(into: &bytes)
    bytes.append(contentsOf: data)
    endHead(into: &bytes)
  }

  /// Writes the chunk that ends a body, without trailers.
  package static func lastChunk(into bytes: inout [UInt8]) { bytes.append(contentsOf: "0\r\n\r\n".utf8) }

  /// The status lines that are written often, each at the index of its code; the others are empty.
  private static let statusLines: [[UInt8]] = {
    let statuses: [HTTPResponse.Status] = [
      .ok, .created, .accepted, .noContent, .partialContent, .notModified, .badRequest, .forbidden, .notFound,
      .methodNotAllowed, .conflict, .unprocessableContent, .internalServerError,
    ]
    var lines = [[UInt8]](repeating: [], count: 600)
    for status in statuses { lines[status.code] = Array("HTTP/1.1 \(status.code) \(status.reasonPhrase)\r\n".utf8) }
    return lines
  }()
}

extension [UInt8] {
  /// Puts the UTF-8 of a text at the end, in one copy.
  package mutating func append(_ text: String) {
    var text = text
    text.withUTF8 { unsafe append(contentsOf: $0) }
  }

  /// Puts the decimal digits of a number that is not negative at the end.
  package mutating func append(decimal number: Int) {
    guard number >= 10 else { return append(UInt8(ascii: "0") + UInt8(number)) }
    var digits: InlineArray<19, UInt8> = InlineArray(repeating: 0)
    var (first, rest) = (digits.count, number)
    while rest > 0 {
      first -= 1
      digits[first] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    }
    unsafe digits.span.extracting(first...).withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
  }
}
