package import GRDB

/// A row of `budgets`: what a session, run, job, key or token may spend, and what it has spent.
package struct BudgetRecord: Record, Hashable {
  /// What has a budget.
  package enum Scope: String, Codable, Sendable {
    case session, run, job, key, token
  }

  /// One thing that has a budget.
  package struct Place: Sendable, Hashable {
    /// What kind of thing.
    package let scope: Scope
    /// Its id.
    package let id: String

    /// A place.
    package init(scope: Scope, id: String) {
      self.scope = scope
      self.id = id
    }
  }

  /// The table.
  package static let databaseTableName = "budgets"
  /// The largest sum that is counted to, so that no sum of sums overflows.
  package static let ceiling = 1_000_000_000_000_000_000

  /// What kind of thing.
  package let scope: Scope
  /// Its id.
  package let scopeId: String
  /// Nanodollars that it may spend; nil for any.
  package var maxCost: Int?
  /// Tokens that it may use; nil for any.
  package var maxTokens: Int?
  /// Whether models without a price may be called although the cost is limited.
  package var allowsUnpriced: Bool
  /// Nanodollars that it has spent.
  package var spentCost = 0
  /// Tokens that it has used.
  package var spentTokens = 0
  /// Nanodollars that are set aside for calls under way.
  package var reservedCost = 0
  /// Tokens that are set aside for calls under way.
  package var reservedTokens = 0
  /// When the limits were last written, RFC 3339.
  package var updatedAt: String

  /// A budget of which nothing is spent.
  package init(_ place: Place, maxCost: Int?, maxTokens: Int?, allowsUnpriced: Bool, updatedAt: String) {
    scope = place.scope
    scopeId = place.id
    self.maxCost = maxCost
    self.maxTokens = maxTokens
    self.allowsUnpriced = allowsUnpriced
    self.updatedAt = updatedAt
  }
}

extension Database {
  /// The budget of a place.
  package func budget(_ place: BudgetRecord.Place) throws -> BudgetRecord? {
    try BudgetRecord.first(
      self, "SELECT * FROM budgets WHERE scope = ? AND scope_id = ?", [place.scope.rawValue, place.id])
  }

  /// Removes the budget of a place: nothing limits it any more.
  package func deleteBudget(_ place: BudgetRecord.Place) throws {
    try execute(
      sql: "DELETE FROM budgets WHERE scope = ? AND scope_id = ?", arguments: [place.scope.rawValue, place.id])
  }

  /// Sets a budget's limits; a new one begins with what its place has spent until now and has set aside.
  package func setBudget(_ budget: BudgetRecord) throws {
    if var known = try self.budget(.init(scope: budget.scope, id: budget.scopeId)) {
      (known.maxCost, known.maxTokens) = (budget.maxCost, budget.maxTokens)
      (known.allowsUnpriced, known.updatedAt) = (budget.allowsUnpriced, budget.updatedAt)
      try known.update(self)
      return
    }
    var new = budget
    let sums = try Row.fetchOne(
      self,
      sql: """
        SELECT COALESCE(SUM(cost), 0), COALESCE(SUM(input_tokens + output_tokens), 0),
          COALESCE(SUM(reserved_cost), 0), COALESCE(SUM(reserved_tokens), 0)
        FROM model_calls WHERE \(budget.scope.rawValue)_id = ?
        """, arguments: [budget.scopeId])
    if let sums {
      (new.spentCost, new.spentTokens) = (min(sums[0], BudgetRecord.ceiling), min(sums[1], BudgetRecord.ceiling))
      (new.reservedCost, new.reservedTokens) = (sums[2], sums[3])
    }
    try new.insert(self)
  }

  /// Sets a part of a budget aside.
  package func reserve(_ place: BudgetRecord.Place, cost: Int, tokens: Int) throws {
    try execute(
      sql: """
        UPDATE budgets SET reserved_cost = reserved_cost + ?, reserved_tokens = reserved_tokens + ?
        WHERE scope = ? AND scope_id = ?
        """, arguments: [cost, tokens, place.scope.rawValue, place.id])
  }

  /// Puts what was used in the place of what was set aside.
  package func settle(_ place: BudgetRecord.Place, cost: Int, tokens: Int, reserved: (cost: Int, tokens: Int)) throws {
    try execute(
      sql: """
        UPDATE budgets SET spent_cost = MIN(spent_cost + ?1, ?7), spent_tokens = MIN(spent_tokens + ?2, ?7),
          reserved_cost = MAX(reserved_cost - ?3, 0), reserved_tokens = MAX(reserved_tokens - ?4, 0)
        WHERE scope = ?5 AND scope_id = ?6
        """,
      arguments: [
        cost, tokens, reserved.cost, reserved.tokens, place.scope.rawValue, place.id, BudgetRecord.ceiling,
      ])
  }
}
