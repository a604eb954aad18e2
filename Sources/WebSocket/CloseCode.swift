/// The status code of a close frame (RFC 6455 section 7.4).
package struct CloseCode: RawRepresentable, Hashable, Sendable {
  /// The number on the wire.
  package let rawValue: UInt16

  /// The code of that number.
  package init(rawValue: UInt16) { self.rawValue = rawValue }

  /// 1000: done.
  package static let normalClosure = CloseCode(rawValue: 1000)
  /// 1001: the server stops, or the page is left.
  package static let goingAway = CloseCode(rawValue: 1001)
  /// 1002: a frame that the protocol does not allow.
  package static let protocolError = CloseCode(rawValue: 1002)
  /// 1003: a kind of data that cannot be taken.
  package static let unsupportedData = CloseCode(rawValue: 1003)
  /// 1007: text that is not UTF-8.
  package static let invalidPayload = CloseCode(rawValue: 1007)
  /// 1008: against the rules of this server.
  package static let policyViolation = CloseCode(rawValue: 1008)
  /// 1009: a message above the limit.
  package static let messageTooBig = CloseCode(rawValue: 1009)
  /// 1011: something went wrong inside.
  package static let internalError = CloseCode(rawValue: 1011)

  /// Whether a peer may send it (section 7.4.1 and 7.4.2): 1005, 1006 and 1015 never stand in a frame.
  package var isValidOnWire: Bool {
    switch rawValue {
    case 1000...1003, 1007...1014, 3000...4999: true
    default: false
    }
  }
}
