import JSON
import Sandbox
import Server
import Services
import Store
import Terminal
import WebSocket

/// One viewer of a terminal over WebSocket: what the program writes in the order of its bytes, and what the viewer asks.
///
/// Every message that tells an `offset` says how many bytes of the stream the client has had with it: given as `after`,
/// it goes on there. In text mode a message holds whole characters; in binary mode a message is the bytes as they are.
struct TerminalSocket: Sendable {
  private let session: TerminalSession
  private let socket: WebSocketConnection
  private let isBinary: Bool

  /// Bytes of output of one message.
  private static let textLimit = 64 << 10
  private static let binaryLimit = 256 << 10

  init(session: TerminalSession, socket: WebSocketConnection, isBinary: Bool) {
    self.session = session
    self.socket = socket
    self.isBinary = isBinary
  }

  /// Serves the viewer until it leaves, breaks off, or the terminal has ended.
  func run(after: Int?, control: TerminalControl) async throws {
    let viewer = await session.attach(after: after, control: control)
    try await withThrowingDiscardingTaskGroup { group in
      group.addTask { try await pump(viewer, isCut: after == nil) }
      do {
        while let event = try await socket.receive() { try await take(event, from: viewer) }
      } catch {
        await session.detach(viewer)
        throw error
      }
      await session.detach(viewer)
    }
  }

  private func take(_ event: WebSocketEvent, from viewer: Int) async throws {
    do throws(TerminalError) {
      let request: TerminalRequest
      switch event {
      case .binary(let bytes): request = .input(bytes)
      case .text(let text): request = try TerminalRequest(text)
      default: return
      }
      try await session.take(request, from: viewer)
      guard request == .ping else { return }
    } catch {
      try await answer(["type": "error", "code": .string(error.code.rawValue), "message": .string(error.message)])
      return
    }
    try await answer(["type": "pong"])
  }

  private func answer(_ value: JSONValue) async throws { try await socket.send(.text, value.encodedBytes) }

  /// Sends what the session delivers until the viewer is detached or the terminal has ended.
  private func pump(_ viewer: Int, isCut: Bool) async throws {
    var splitter = UTF8Splitter(isCut: isCut)
    while let delivery = await session.next(viewer, limit: isBinary ? Self.binaryLimit : Self.textLimit) {
      switch delivery {
      case .status(let status): try await answer(Self.json(status))
      case .gap(let lost, let offset):
        splitter = UTF8Splitter(isCut: true)
        try await answer(["type": "gap", "lost": .integer(lost), "offset": .integer(offset)])
      case .output(let bytes, let offset):
        if isBinary {
          try await socket.send(.binary, bytes)
        } else {
          let text = splitter.take(bytes)
          try await send(text, offset: offset - splitter.heldCount)
        }
      case .end(let end, let offset):
        if !isBinary { try await send(splitter.finish(), offset: offset) }
        try await answer(Self.json(end, offset: offset))
        return await socket.close(.normalClosure)
      }
    }
  }

  private func send(_ text: String, offset: Int) async throws {
    guard !text.isEmpty else { return }
    var writer = JSONWriter(capacity: text.utf8.count + text.utf8.count / 4 + 64)
    writer.raw("{\"type\":\"output\",\"data\":")
    writer.write(text)
    writer.raw(",\"offset\":\(offset)}")
    try await socket.send(.text, writer.bytes)
  }

  private static func json(_ status: TerminalStatus) -> JSONValue {
    [
      "type": "status", "state": "running", "offset": .integer(status.offset),
      "cols": .integer(Int(status.size.columns)), "rows": .integer(Int(status.size.rows)),
      "writer": .bool(status.isWriter), "viewers": .integer(status.viewers),
    ]
  }

  private static func json(_ end: TerminalEnd, offset: Int) -> JSONValue {
    [
      "type": "status", "state": "exited", "offset": .integer(offset), "exit_code": JSONValue(end.exitCode),
      "signal": JSONValue(end.signal), "reason": JSONValue(end.reason?.rawValue),
    ]
  }

  /// Tells a client of a terminal whose output is gone how it ended.
  static func tell(_ record: TerminalRecord, after: Int?, to socket: WebSocketConnection) async throws {
    let lost = record.writtenBytes - min(after ?? 0, record.writtenBytes)
    if lost > 0 {
      let gap: JSONValue = ["type": "gap", "lost": .integer(lost), "offset": .integer(record.writtenBytes)]
      try await socket.send(.text, gap.encodedBytes)
    }
    let status: JSONValue = [
      "type": "status", "state": .string(record.state.rawValue), "offset": .integer(record.writtenBytes),
      "exit_code": JSONValue(record.exitCode), "signal": JSONValue(record.signal), "reason": JSONValue(record.reason),
    ]
    try await socket.send(.text, status.encodedBytes)
    await socket.close(.normalClosure)
  }
}
