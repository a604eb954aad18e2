import JSON

/// Takes a client's messages apart into Socket.IO packets, and waits for the binary messages that belong to one.
package struct SocketIODecoder: Sendable {
  private var partial: SocketIOPacket?
  private var missing = 0

  /// Binary messages that one packet may have.
  private static let attachmentLimit = 16

  /// A decoder at the start of a session.
  package init() {}

  /// Takes a text message; nil when binary messages must follow.
  package mutating func receive(_ text: String) throws(SocketIOError) -> SocketIOPacket? {
    guard partial == nil else { throw SocketIOError("a binary message must follow, found text") }
    var rest = text[...]
    guard let digit = number(&rest, digits: 1), let kind = SocketIOPacket.Kind(rawValue: digit) else {
      throw SocketIOError("a Socket.IO packet must begin with a type from 0 to 6")
    }
    var packet = SocketIOPacket(kind)
    if kind == .binaryEvent || kind == .binaryAcknowledgement {
      guard let count = number(&rest, digits: 2), rest.first == "-", count <= Self.attachmentLimit else {
        throw SocketIOError("a binary packet must say how many attachments it has, at most \(Self.attachmentLimit)")
      }
      rest.removeFirst()
      missing = count
    }
    if rest.first == "/" {
      let end = rest.firstIndex(of: ",") ?? rest.endIndex
      packet.namespace = String(rest[..<end].prefix { $0 != "?" })
      rest = end == rest.endIndex ? "" : rest[rest.index(after: end)...]
    }
    packet.id = number(&rest, digits: 15)
    if !rest.isEmpty {
      do { packet.data = try JSONParser.parse(String(rest)) } catch {
        throw SocketIOError("the data of a packet must be JSON")
      }
    }
    try check(packet)
    if let data = packet.data, missing > 0 || kind == .binaryEvent, !Self.placeholders(in: data, below: missing) {
      throw SocketIOError("a placeholder must name one of the packet's attachments")
    }
    guard missing == 0 else {
      partial = packet
      return nil
    }
    return packet
  }

  /// Takes a binary message; nil when more must follow.
  package mutating func receive(binary bytes: [UInt8]) throws(SocketIOError) -> SocketIOPacket? {
    guard partial != nil else { throw SocketIOError("a binary message must belong to a packet") }
    partial?.attachments.append(bytes)
    missing -= 1
    guard missing == 0 else { return nil }
    defer { partial = nil }
    return partial
  }

  private func check(_ packet: SocketIOPacket) throws(SocketIOError) {
    let isWellFormed: Bool
    switch packet.kind {
    case .connect: isWellFormed = packet.data == nil || packet.data?.object != nil
    case .disconnect: isWellFormed = packet.data == nil
    case .event, .binaryEvent: isWellFormed = packet.data?.array?.first?.string != nil
    case .acknowledgement, .binaryAcknowledgement: isWellFormed = packet.data?.array != nil && packet.id != nil
    case .connectError: isWellFormed = true
    }
    guard isWellFormed else { throw SocketIOError("the data of a packet must fit its type") }
  }

  /// Whether every `{"_placeholder":true,"num":N}` names an attachment.
  private static func placeholders(in value: JSONValue, below count: Int) -> Bool {
    if let array = value.array { return array.allSatisfy { placeholders(in: $0, below: count) } }
    guard let object = value.object else { return true }
    if object["_placeholder"]?.bool == true { return object["num"]?.integer.map { (0..<count).contains($0) } ?? false }
    return object.members.allSatisfy { placeholders(in: $0.value, below: count) }
  }

  /// The decimal number at the front, or nil when there is none.
  private func number(_ text: inout Substring, digits: Int) -> Int? {
    let prefix = text.prefix(digits).prefix { $0.isASCII && $0.isNumber }
    guard let value = Int(prefix) else { return nil }
    text = text[prefix.endIndex...]
    return value
  }
}
