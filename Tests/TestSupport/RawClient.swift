import Glibc
import Platform

/// A client that sends exactly the bytes it is given, over a blocking socket on a thread of its own.
package actor RawClient {
  /// The thread that may block.
  package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }
  private nonisolated let executor: ThreadExecutor
  private let socket: Int32

  /// Connects to a port of the loopback; reads fail after ten seconds.
  package init(port: Int) throws {
    executor = try ThreadExecutor(name: "raw-client")
    socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let connected = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard connected == 0 else { throw SystemError.last("connect to port \(port)") }
    var timeout = timeval(tv_sec: 10, tv_usec: 0)
    _ = unsafe setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit {
    close(socket)
    executor.stop()
  }

  /// Sends all of the bytes.
  package func send(_ bytes: [UInt8]) throws {
    var sent = 0
    while sent < bytes.count {
      let count = unsafe bytes.withUnsafeBytes {
        unsafe Glibc.send(socket, $0.baseAddress?.advanced(by: sent), $0.count - sent, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { throw SystemError.last("send") }
      sent += count
    }
  }

  /// Sends a text.
  package func send(_ text: String) throws { try send(Array(text.utf8)) }

  /// Closes the sending half.
  package func finish() { shutdown(socket, Int32(SHUT_WR)) }

  /// All bytes until the server closes.
  package func readToEnd() throws -> [UInt8] {
    var all: [UInt8] = []
    while let more = try readSome() { all += more }
    return all
  }

  /// Bytes until there are so many.
  package func read(_ count: Int) throws -> [UInt8] {
    var all: [UInt8] = []
    while all.count < count, let more = try readSome(atMost: count - all.count) { all += more }
    return all
  }

  /// Text until it holds a mark.
  package func read(until mark: String) throws -> String {
    var all: [UInt8] = []
    while !String(decoding: all, as: UTF8.self).contains(mark), let more = try readSome() { all += more }
    return String(decoding: all, as: UTF8.self)
  }

  private func readSome(atMost limit: Int = 64 * 1024) throws -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: limit)
    let count = unsafe recv(socket, &buffer, limit, 0)
    guard count >= 0 else { throw SystemError.last("receive") }
    return count == 0 ? nil : Array(buffer[..<count])
  }
}
