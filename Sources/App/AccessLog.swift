import Foundation
import HTTP
import HTTPTypes
import JSON
import Platform
import Server
import Synchronization

/// A line for each request, written a few times a second by a thread of its own: a log that is read slowly never holds
/// up an event loop.
final class AccessLog: Sendable {
  /// Bytes of lines that may wait; lines above it are counted and dropped.
  private static let bound = 4 << 20

  private struct State {
    var bytes: [UInt8] = []
    var dropped = 0
  }

  private let isTerminal: Bool
  private let thread: DiskThread
  private let state = Mutex(State())

  /// A log on standard error.
  init(isTerminal: Bool) throws(SystemError) {
    self.isTerminal = isTerminal
    thread = try DiskThread()
  }

  /// Takes note of a request.
  func note(_ exchange: Exchange) {
    let line = line(exchange)
    state.withLock { state in
      guard state.bytes.count + line.utf8.count < Self.bound else {
        state.dropped += 1
        return
      }
      state.bytes.append(contentsOf: line.utf8)
    }
  }

  private func line(_ exchange: Exchange) -> String {
    let (time, head) = (Timestamp.now.text, exchange.head)
    let (seconds, attoseconds) = exchange.duration.components
    let milliseconds = Double(seconds) * 1000 + Double(attoseconds / 1_000_000_000_000) / 1000
    guard !isTerminal else {
      return "\(time) \(exchange.address) \(head.method) \(head.path) \(exchange.status) \(exchange.bytes) B "
        + "\(milliseconds) ms \(exchange.id)\n"
    }
    // The query is left out: it may carry what should not be in a log.
    let line: JSONValue = [
      "time": .string(time), "level": "info", "part": "access", "message": "request",
      "address": .string(exchange.address), "method": .string(head.method.rawValue), "path": .string(head.path),
      "status": .integer(exchange.status), "bytes": .integer(exchange.bytes), "milliseconds": .number(milliseconds),
      "request_id": .string(exchange.id),
    ]
    return line.encodedText + "\n"
  }

  /// Writes until the task is cancelled, then what is left.
  func run() async {
    while !Task.isCancelled {
      // Ends early only when the task is cancelled, which the loop's condition sees.
      try? await Task.sleep(for: .milliseconds(200))
      await flush()
    }
    await flush()
  }

  private func flush() async {
    let (bytes, dropped) = state.withLock { state in
      defer { state = State() }
      return (state.bytes, state.dropped)
    }
    guard !bytes.isEmpty else { return }
    let note = dropped == 0 ? "" : "{\"part\":\"access\",\"message\":\"\(dropped) lines were dropped\"}\n"
    // A log that cannot be written must not stop the daemon.
    try? await thread.run { try FileHandle.standardError.write(contentsOf: Data(bytes + note.utf8)) }
  }
}
