import Compression
import HTTP
import HTTPTypes

/// Turns the answer of a GET or HEAD into what the client asked to have of it: nothing when it has it already, a part,
/// or a compressed form (RFC 9110 sections 8.4, 13 and 14).
enum Representation {
  /// Smaller bodies are not compressed.
  static let gzipThreshold = 1024
  /// Larger bodies are compressed while they are sent, so that nobody waits for them.
  static let gzipAtOnce = 64 * 1024

  static func select(_ response: inout Response, for head: RequestHead) throws {
    guard head.method == .get || head.method == .head, response.status == .ok else {
      return compress(&response, for: head)
    }
    let (tag, lastModified) = (response.fields["etag"], response.fields["last-modified"])
    if tag != nil || lastModified != nil {
      let conditions = Preconditions(tag: tag, lastModified: lastModified)
      switch conditions.evaluate(head.fields) {
      case .notModified:
        compress(&response, for: head)
        return response = notModified(response)
      case .failed:
        throw Problem(.preconditionFailed, code: "precondition_failed", "the resource has changed: read it again")
      case .proceed: break
      }
      if head.method == .get, head.fields["range"] != nil, conditions.allowsRange(head.fields) {
        response = try part(response, of: head)
        if response.status != .ok { return }
      }
    }
    compress(&response, for: head)
  }

  /// 304 with the fields that a cache needs (section 15.4.5).
  private static func notModified(_ response: Response) -> Response {
    let kept = ["etag", "last-modified", "cache-control", "content-location", "expires", "vary"]
    var answer = Response(.notModified)
    for field in response.fields.fields where kept.contains(field.name) {
      answer.fields.append(field.name, field.value)
    }
    return answer
  }

  private static func part(_ response: Response, of head: RequestHead) throws -> Response {
    guard response.fields["accept-ranges"] == "bytes", let length = length(of: response.body) else { return response }
    var answer = response
    if isCompressible(response) { answer.fields.append("vary", "Accept-Encoding") }
    switch ByteRange.parse(head.fields["range"], length: length) {
    case .whole: return response
    case .unsatisfiable:
      var problem = Problem(
        .rangeNotSatisfiable, code: "range_not_satisfiable", "the resource has \(length) bytes, found another range")
      problem.fields.append("content-range", "bytes */\(length)")
      throw problem
    case .part(let range):
      answer.status = .partialContent
      answer.fields["content-range"] = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(length)"
      switch response.body {
      case .bytes(let bytes): answer.body = .bytes(Array(bytes[range]))
      case .file(let file): answer.body = .file(file.part(range))
      default: return response
      }
      return answer
    }
  }

  private static func length(of body: Response.Body) -> Int? {
    switch body {
    case .bytes(let bytes): bytes.count
    case .file(let file): file.range.count
    default: nil
    }
  }

  private static func isCompressible(_ response: Response) -> Bool {
    guard case .bytes(let bytes) = response.body, bytes.count > gzipThreshold,
      response.fields["content-encoding"] == nil, let type = response.fields["content-type"]
    else { return false }
    return type.hasPrefix("text/") || type.hasPrefix("application/json") || type.hasPrefix("application/problem+json")
      || type.hasPrefix("image/svg+xml") || type.hasPrefix("application/javascript")
  }

  /// Compresses an answer when that is worth it and the client takes it.
  static func compress(_ response: inout Response, for head: RequestHead) {
    guard isCompressible(response) else { return }
    response.fields.append("vary", "Accept-Encoding")
    guard ContentCoding.acceptsGzip(head.fields), case .bytes(let bytes) = response.body,
      // Without memory for the window the answer goes out as it is.
      let deflater = try? Deflater(.gzip, level: 5)
    else { return }
    response.fields["content-encoding"] = "gzip"
    response.fields["accept-ranges"] = nil
    // Equal content in another coding is another representation: its tag can only be weak (section 8.8.3.3).
    if let tag = response.fields["etag"], !tag.hasPrefix("W/") { response.fields["etag"] = "W/" + tag }
    if bytes.count <= gzipAtOnce {
      var output: [UInt8] = []
      deflater.compress(bytes, .finish, into: &output)
      response.body = .bytes(output)
    } else {
      response.body = .stream { writer in try await stream(bytes, to: writer) }
    }
  }

  private static func stream(_ bytes: [UInt8], to writer: ResponseWriter) async throws {
    let deflater = try Deflater(.gzip, level: 5)
    for start in stride(from: 0, to: bytes.count, by: gzipAtOnce) {
      let end = min(start + gzipAtOnce, bytes.count)
      var output: [UInt8] = []
      deflater.compress(Array(bytes[start..<end]), end == bytes.count ? .finish : .none, into: &output)
      try await writer.write(output)
      await writer.letOthersGo()
    }
  }
}
