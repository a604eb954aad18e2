package import EventLog
package import JSON
import Store

/// What calls of models used and cost, summed up.
package struct UsageService: Sendable {
  /// What the sums are made for.
  package enum Grouping: String, CaseIterable, Sendable {
    case project, session, model, provider, day, key

    /// The expression over `model_calls`.
    fileprivate var expression: String {
      switch self {
      case .project: "project_id"
      case .session: "session_id"
      case .model: "model"
      case .provider: "provider"
      case .day: "substr(started_at, 1, 10)"
      case .key: "COALESCE(key_id, token_id)"
      }
    }
  }

  private let journal: Journal

  /// Sums over a journal's database.
  package init(journal: Journal) { self.journal = journal }

  /// Sums of the calls that began from `since` on and before `until`, both days or times in UTC; of an owner's projects
  /// and keys alone, if one is given.
  package func totals(
    by grouping: Grouping, since: String?, until: String?, owner: String? = nil
  ) async throws -> JSONValue {
    let (from, to) = (try Self.time(since, "since"), try Self.time(until, "until"))
    let (groups, all) = try await journal.store.read { db in
      (
        try db.modelUsage(by: grouping.expression, since: from, until: to, owner: owner),
        try db.modelUsage(by: "'all'", since: from, until: to, owner: owner)
      )
    }
    return [
      "group_by": .string(grouping.rawValue), "since": JSONValue(since), "until": JSONValue(until),
      "groups": .array(groups.map { .object(JSONObject([("key", JSONValue($0.name))] + Self.sums($0))) }),
      "total": .object(JSONObject(Self.sums(all.first))),
    ]
  }

  private static func sums(_ row: UsageRow?) -> [(String, JSONValue)] {
    let (input, output) = (row?.input ?? 0, row?.output ?? 0)
    return [
      ("calls", .integer(row?.calls ?? 0)), ("failed_calls", .integer(row?.failed ?? 0)),
      ("unpriced_calls", .integer(row?.unpriced ?? 0)), ("input_tokens", .integer(input)),
      ("cached_tokens", .integer(row?.cached ?? 0)), ("output_tokens", .integer(output)),
      ("reasoning_tokens", .integer(row?.reasoning ?? 0)), ("total_tokens", .integer(input + output)),
      ("cost_usd", .number(Nanodollars.dollars(row?.cost ?? 0))), ("mean_latency_ms", JSONValue(row?.latency)),
    ]
  }

  /// A time as a beginning of the texts of later times.
  private static func time(_ text: String?, _ name: String) throws -> String? {
    guard let text else { return nil }
    guard let match = text.wholeMatch(of: /(\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?)Z?/) else {
      throw ServiceError(
        .invalid, "\(name) must be a day or a time in UTC, as 2026-11-25 or 2026-11-25T10:30:00Z, found '\(text)'",
        location: ["query", name])
    }
    return String(match.1)
  }
}
