package import JSON

/// A packet of Socket.IO, revision 5 of the protocol.
///
///     type [attachments "-"] [namespace ","] [acknowledgement id] [JSON]
///
///     0 CONNECT       {"sid"}           1 DISCONNECT
///     2 EVENT         ["name", ...]     3 ACK          [...]
///     4 CONNECT_ERROR {"message"}       5 BINARY_EVENT, 6 BINARY_ACK: the same with binary messages behind
package struct SocketIOPacket: Sendable, Hashable {
  /// What the packet does.
  package enum Kind: Int, Sendable {
    case connect, disconnect, event, acknowledgement, connectError, binaryEvent, binaryAcknowledgement
  }

  /// What it does.
  package var kind: Kind
  /// The namespace; `/` is the default one.
  package var namespace: String
  /// The id by which the sender wants, or gets, an acknowledgement.
  package var id: Int?
  /// The JSON behind the head, or nil.
  package var data: JSONValue?
  /// The binary messages that take the place of `{"_placeholder":true,"num":N}` in the data.
  package var attachments: [[UInt8]] = []

  /// A packet of the default namespace unless another is named.
  package init(_ kind: Kind, namespace: String = "/", id: Int? = nil, data: JSONValue? = nil) {
    self.kind = kind
    self.namespace = namespace
    self.id = id
    self.data = data
  }

  /// An event.
  package static func event(_ name: String, _ arguments: JSONValue...) -> SocketIOPacket {
    SocketIOPacket(.event, data: .array([.string(name)] + arguments))
  }

  /// The packet's text, the data of an Engine.IO message; binary messages follow it.
  package var text: String {
    var text = "\(kind.rawValue)"
    if kind == .binaryEvent || kind == .binaryAcknowledgement { text += "\(attachments.count)-" }
    if namespace != "/" { text += namespace + "," }
    if let id { text += "\(id)" }
    if let data { text += data.encodedText }
    return text
  }
}
