import CPlatform
import Glibc

/// A server at a socket in the file system (unix(7)), asked once whether it is there.
package enum LocalSocket {
  /// Whether there is a socket at the path.
  package static func exists(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
  }

  /// Whether the first bytes of the answer to a text are as wanted, within a second; may wait as long.
  package static func answers(_ path: String, to text: String, with wanted: String) -> Bool {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let room = MemoryLayout.size(ofValue: address.sun_path)
    guard path.utf8.count < room else { return false }
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
    let socket = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard socket >= 0 else { return false }
    defer { close(socket) }
    var timeout = timeval(tv_sec: 1, tv_usec: 0)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      _ = unsafe setsockopt(socket, SOL_SOCKET, option, &timeout, socklen_t(MemoryLayout<timeval>.size))
    }
    let connected = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe connect(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    let bytes = Array(text.utf8)
    guard connected == 0, unsafe send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
      return false
    }
    var answer = [UInt8](repeating: 0, count: wanted.utf8.count)
    let count = unsafe recv(socket, &answer, answer.count, Int32(MSG_WAITALL))
    return count == answer.count && answer.elementsEqual(wanted.utf8)
  }
}
