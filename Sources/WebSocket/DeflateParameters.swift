import HTTP

/// What both sides agreed on for permessage-deflate (RFC 7692 section 7.1).
package struct DeflateParameters: Sendable, Hashable {
  /// Whether the server forgets each message before it compresses the next.
  package var serverForgets = false
  /// Whether the client does.
  package var clientForgets = false
  /// The server's window has 2^this bytes: 9 to 15.
  package var serverWindowBits = 15
  /// The client's window has at most 2^this bytes: 8 to 15.
  package var clientWindowBits = 15

  /// The window that the server asks for, on both sides, when the client does not want a smaller one: 4 KiB, so that a
  /// connection that sends and receives compressed messages costs about 50 KiB and not 300.
  static let preferredWindowBits = 12
}

extension DeflateParameters {
  /// The first acceptable offer of a client (sections 5.1 and 7.1), and what the server answers it; nil when there is
  /// none.
  static func negotiate(_ fields: HeaderFields) -> (parameters: DeflateParameters, answer: String)? {
    for line in fields.values(of: "sec-websocket-extensions") {
      for offer in split(line, at: ",") {
        var parts = split(offer, at: ";")
        guard !parts.isEmpty, parts.removeFirst() == "permessage-deflate" else { continue }
        if let found = accept(parts) { return found }
      }
    }
    return nil
  }

  private static func accept(_ parts: [String]) -> (parameters: DeflateParameters, answer: String)? {
    var agreed = DeflateParameters()
    var seen: Set<String> = []
    var clientTakesBits = false
    for part in parts {
      let pair = split(part, at: "=")
      guard let name = pair.first, pair.count <= 2, seen.insert(name).inserted else { return nil }
      let value = pair.count == 2 ? pair[1] : nil
      switch (name, value) {
      case ("server_no_context_takeover", nil): agreed.serverForgets = true
      case ("client_no_context_takeover", nil): agreed.clientForgets = true
      case ("client_max_window_bits", nil): clientTakesBits = true
      case ("client_max_window_bits", let value?):
        guard let bits = bits(value) else { return nil }
        clientTakesBits = true
        agreed.clientWindowBits = bits
      case ("server_max_window_bits", let value?):
        // zlib cannot keep to a window of 256 bytes in a raw stream, so such an offer is declined.
        guard let bits = bits(value), bits >= 9 else { return nil }
        agreed.serverWindowBits = bits
      default: return nil
      }
    }
    var answer = "permessage-deflate"
    if agreed.serverForgets { answer += "; server_no_context_takeover" }
    if agreed.clientForgets { answer += "; client_no_context_takeover" }
    // A server may always bind itself to a smaller window, and a client that said that it can be bound.
    agreed.serverWindowBits = min(agreed.serverWindowBits, preferredWindowBits)
    answer += "; server_max_window_bits=\(agreed.serverWindowBits)"
    if clientTakesBits {
      agreed.clientWindowBits = min(agreed.clientWindowBits, preferredWindowBits)
      answer += "; client_max_window_bits=\(agreed.clientWindowBits)"
    }
    return (agreed, answer)
  }

  /// 8 to 15 in decimal without leading zeros, perhaps quoted (section 7.1.2).
  private static func bits(_ text: String) -> Int? {
    var text = text
    if text.count >= 2, text.hasPrefix("\""), text.hasSuffix("\"") { text = String(text.dropFirst().dropLast()) }
    let values = ["8", "9", "10", "11", "12", "13", "14", "15"]
    return values.firstIndex(of: text).map { $0 + 8 }
  }

  /// The parts of a list without the white space around them; none holds the separator.
  private static func split(_ text: String, at separator: Character) -> [String] {
    text.split(separator: separator, omittingEmptySubsequences: false).map { String($0.withoutOuterSpace) }
  }
}
