package import EventLog
package import JSON
import Platform
package import Store

/// What a client sets of a budget.
package struct BudgetLimits: Sendable, Hashable {
  /// US dollars; nil for any.
  package var dollars: Double?
  /// Tokens; nil for any.
  package var tokens: Int?
  /// Whether models without a price may be called although the cost is limited.
  package var allowsUnpriced: Bool

  /// Limits.
  package init(dollars: Double? = nil, tokens: Int? = nil, allowsUnpriced: Bool = false) {
    self.dollars = dollars
    self.tokens = tokens
    self.allowsUnpriced = allowsUnpriced
  }

  /// Whether nothing is limited.
  var isUnlimited: Bool { dollars == nil && tokens == nil }

  /// Refuses limits that make no sense.
  func check() throws(ServiceError) {
    if let dollars, !(dollars >= 0 && dollars <= 1_000_000) {
      throw ServiceError(
        .invalid, "max_cost_usd must be from 0 to 1000000, found \(dollars)", location: ["body", "max_cost_usd"])
    }
    if let tokens, tokens < 0 {
      throw ServiceError(
        .invalid, "max_tokens must not be negative, found \(tokens)", location: ["body", "max_tokens"])
    }
  }

  func record(_ place: BudgetRecord.Place) -> BudgetRecord {
    BudgetRecord(
      place, maxCost: dollars.map(Nanodollars.limit), maxTokens: tokens.map { min($0, BudgetRecord.ceiling) },
      allowsUnpriced: allowsUnpriced, updatedAt: Timestamp.now.text)
  }
}

/// Budgets of sessions, runs, jobs, keys and tokens.
package struct BudgetService: Sendable {
  private let journal: Journal

  /// Budgets in a journal's database.
  package init(journal: Journal) { self.journal = journal }

  /// Sets what something may spend; without limits it has no budget any more.
  package func set(_ place: BudgetRecord.Place, to limits: BudgetLimits) async throws -> BudgetRecord? {
    try limits.check()
    return try await journal.append { db, events in
      guard !limits.isUnlimited else {
        try db.deleteBudget(place)
        return nil
      }
      try db.setBudget(limits.record(place))
      return try db.budget(place)
    }
  }

  /// The budget of something, or nil when nothing limits it.
  package func budget(of place: BudgetRecord.Place) async throws -> BudgetRecord? {
    try await journal.store.read { db in try db.budget(place) }
  }
}

/// How a budget looks to a client.
package enum BudgetView {
  /// `{max_cost_usd, max_tokens, allow_unpriced_models, spent_..., reserved_...}`; all null or none without a budget.
  package static func json(_ budget: BudgetRecord?) -> JSONValue {
    guard let budget else { return ["max_cost_usd": nil, "max_tokens": nil, "allow_unpriced_models": false] }
    return .object(JSONObject(members(budget)))
  }

  static func members(_ budget: BudgetRecord) -> [(String, JSONValue)] {
    [
      ("max_cost_usd", JSONValue(budget.maxCost.map(Nanodollars.dollars))), ("max_tokens", JSONValue(budget.maxTokens)),
      ("allow_unpriced_models", .bool(budget.allowsUnpriced)),
      ("spent_cost_usd", .number(Nanodollars.dollars(budget.spentCost))),
      ("spent_tokens", .integer(budget.spentTokens)),
      ("reserved_cost_usd", .number(Nanodollars.dollars(budget.reservedCost))),
      ("reserved_tokens", .integer(budget.reservedTokens)),
    ]
  }
}
