import Glibc
import HTTP
import HTTPTypes
package import Platform

/// A file, or a part of one, as the body of an answer; it goes from the page cache to the socket with sendfile(2).
package final class FileBody: Sendable {
  private final class Handle: Sendable {
    let descriptor: Int32

    init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor.release() }

    deinit { close(descriptor) }
  }

  private let handle: Handle
  /// The bytes of the file that are sent.
  let range: Range<Int>
  /// When the file was last changed, seconds since 1970.
  package let modified: Int

  private init(_ handle: Handle, _ range: Range<Int>, modified: Int) {
    self.handle = handle
    self.range = range
    self.modified = modified
  }

  /// Opens a regular file below a folder, to which no link leads; call it where blocking is allowed.
  ///
  /// - Throws: `SystemError` when there is no such file, or it is something else than a file.
  package static func open(_ path: String, below folder: String) throws(SystemError) -> FileBody {
    let handle = Handle(try OwnedDescriptor.open(path, below: folder))
    let descriptor = handle.descriptor
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw .last("look at \(path)") }
    guard status.st_mode & S_IFMT == S_IFREG else { throw SystemError(code: EINVAL, operation: "send \(path)") }
    return FileBody(handle, 0..<Int(status.st_size), modified: status.st_mtim.tv_sec)
  }

  func part(_ range: Range<Int>) -> FileBody { FileBody(handle, range, modified: modified) }

  var descriptor: Int32 { handle.descriptor }
}

extension Response {
  /// An answer whose body is a file, with its date as validator.
  package static func file(_ file: FileBody, contentType: String) -> Response {
    let date = Timestamp(microseconds: file.modified * 1_000_000).httpDate
    return Response(
      .ok,
      fields: HeaderFields([
        ("content-type", contentType), ("last-modified", date), ("accept-ranges", "bytes"),
      ]),
      body: .file(file))
  }
}
