import Crypto
import Foundation
package import JSON
package import Store

/// The text of a key: `vg_` and 256 random bits in base64url (RFC 4648 section 5), which a header and a WebSocket
/// subprotocol can carry as they are.
enum AccessKeyText {
  /// How every key begins.
  static let prefix = "vg_"

  /// A new key.
  static func make() -> String {
    var generator = SystemRandomNumberGenerator()
    let bytes = (0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) }
    let text = Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
    return prefix + text.replacing("=", with: "")
  }

  /// SHA-256 of a key.
  static func hash(_ key: String) -> Data { Data(SHA256.hash(data: Array(key.utf8))) }

  /// Whether both are the same, found out in a time that does not tell where they differ.
  static func isEqual(_ left: Data, _ right: Data) -> Bool {
    left.count == right.count && zip(left, right).reduce(0) { $0 | $1.0 ^ $1.1 } == 0
  }
}

/// How a key looks to those who manage keys.
package enum AccessKeyView {
  /// Everything but the key, which nobody has; `requests` are today's.
  package static func json(_ record: AccessKeyRecord, requests: Int, cost: Double) -> JSONValue {
    [
      "id": .string(record.id), "owner": .string(record.owner), "prefix": .string(record.prefix),
      "scopes": .array(record.scopes.split(separator: ",").map { .string(String($0)) }),
      "expires_at": JSONValue(record.expiresAt), "revoked_at": JSONValue(record.revokedAt),
      "last_used_at": JSONValue(record.lastUsedAt), "daily_requests": JSONValue(record.dailyRequests),
      "daily_cost_usd": JSONValue(record.dailyCostUsd), "requests_today": .integer(requests),
      "cost_usd_today": .number(cost), "created_at": .string(record.createdAt),
    ]
  }
}
