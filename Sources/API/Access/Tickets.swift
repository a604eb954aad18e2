import Crypto
import Foundation
package import Server
import Synchronization

/// Short-lived stand-ins for a key in an address: for an `EventSource` or a WebSocket of a page, which can set no field.
///
/// Each is good for one request within a minute.
package final class Tickets: Sendable {
  /// How long a ticket is good.
  package static let lifetime: Duration = .seconds(60)
  /// Tickets at once; above it the oldest go.
  private static let bound = 10_000

  private struct Ticket {
    let caller: Caller
    let end: ContinuousClock.Instant
  }

  private let isValidKey: @Sendable (String) -> Bool
  private let state = Mutex<[SHA256Digest: Ticket]>([:])

  /// Tickets of callers; `isValidKey` tells whether the key of an id is valid now.
  package init(isValidKey: @escaping @Sendable (String) -> Bool) { self.isValidKey = isValidKey }

  /// A ticket of a caller.
  package func issue(to caller: Caller, now: ContinuousClock.Instant = .now) -> String {
    var generator = SystemRandomNumberGenerator()
    let bytes = (0..<24).map { _ in UInt8.random(in: 0...255, using: &generator) }
    let text = Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
    state.withLock { tickets in
      if tickets.count >= Self.bound { tickets = tickets.filter { $0.value.end > now } }
      if tickets.count >= Self.bound, let oldest = tickets.min(by: { $0.value.end < $1.value.end }) {
        tickets[oldest.key] = nil
      }
      tickets[SHA256.hash(data: Array(text.utf8))] = Ticket(caller: caller, end: now + Self.lifetime)
    }
    return text
  }

  /// The caller whose ticket it is, once; nil when it is unknown, used or too old, or its key is not valid any more.
  package func redeem(_ text: String, now: ContinuousClock.Instant = .now) -> Caller? {
    guard text.utf8.count <= 256 else { return nil }
    let digest = SHA256.hash(data: Array(text.utf8))
    guard let ticket = state.withLock({ $0.removeValue(forKey: digest) }), ticket.end > now else { return nil }
    if let id = ticket.caller.keyID, !isValidKey(id) { return nil }
    return ticket.caller
  }
}
