/// One event of a stream of server-sent events.
package struct ServerSentEvent: Sendable, Hashable {
  /// Its type; `message` when the stream names none.
  package let name: String
  /// Its data lines, joined by line feeds.
  package let data: String
}

/// Takes a `text/event-stream` apart as the bytes come (WHATWG HTML, section 9.2).
package struct SSEDecoder: Sendable {
  private var line: [UInt8] = []
  private var name = ""
  private var data: [UInt8]?
  private var sawCarriageReturn = false
  private var isFirstLine = true

  /// A decoder at the start of a stream.
  package init() {}

  /// Bytes that are held for an event that is not complete.
  package var pendingCount: Int { line.count + (data?.count ?? 0) }

  /// Takes more bytes and returns the events that they complete.
  package mutating func receive(_ bytes: [UInt8]) -> [ServerSentEvent] {
    var events: [ServerSentEvent] = []
    for byte in bytes {
      defer { sawCarriageReturn = byte == 13 }
      if byte == 10, sawCarriageReturn { continue }
      guard byte == 10 || byte == 13 else {
        line.append(byte)
        continue
      }
      if let event = endLine() { events.append(event) }
      line.removeAll(keepingCapacity: true)
    }
    return events
  }

  private mutating func endLine() -> ServerSentEvent? {
    if isFirstLine, line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
    isFirstLine = false
    guard !line.isEmpty else {
      defer {
        name = ""
        data = nil
      }
      guard let data else { return nil }
      return ServerSentEvent(name: name.isEmpty ? "message" : name, data: String(decoding: data, as: UTF8.self))
    }
    let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
    var value = line[min(colon + 1, line.endIndex)...]
    if value.first == 0x20 { value.removeFirst() }
    if line[..<colon].elementsEqual("data".utf8) {
      if data != nil { data?.append(10) } else { data = [] }
      data?.append(contentsOf: value)
    } else if line[..<colon].elementsEqual("event".utf8) {
      name = String(decoding: value, as: UTF8.self)
    }
    return nil
  }
}
