extension HeaderFields {
  /// Fields that are about one connection and not about the message (RFC 9110 section 7.6.1).
  private static let hopByHop: Set<String> = [
    "connection", "proxy-connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
    "proxy-authenticate", "proxy-authorization", "proxy-authentication-info",
  ]

  /// The fields that an intermediary passes on: without those about the connection, and those that `Connection` names.
  package var endToEnd: [Field] {
    let named = Set(tokens(of: "connection"))
    return fields.filter { !Self.hopByHop.contains($0.name) && !named.contains($0.name) }
  }
}
