import EventLog
import JSON
import ModelProviders
import Store

/// Whether a budget reaches for a call, and what is said when it does not.
enum BudgetRefusal {
  enum Verdict: Hashable {
    case fits
    /// It would, if calls under way used less than was set aside for them.
    case waits
    case exhausted
  }

  static func judge(_ budget: BudgetRecord, _ call: ModelCallRecord, isLast: Bool) -> Verdict {
    let parts = [
      (budget.maxCost, budget.spentCost, budget.reservedCost, call.reservedCost),
      (budget.maxTokens, budget.spentTokens, budget.reservedTokens, call.reservedTokens),
    ]
    var verdict = Verdict.fits
    for case (let limit?, let spent, let reserved, let wanted) in parts {
      if spent + wanted > limit { return .exhausted }
      if spent + reserved + wanted > limit { verdict = isLast ? .exhausted : .waits }
    }
    return verdict
  }

  static func message(_ budget: BudgetRecord, _ call: ModelCallRecord) -> String {
    let name = "the budget of this \(budget.scope.rawValue)"
    if let limit = budget.maxCost, budget.spentCost + budget.reservedCost + call.reservedCost > limit {
      return "\(name), \(Nanodollars.text(limit)), does not reach: \(Nanodollars.text(budget.spentCost)) is spent"
        + (budget.reservedCost > 0 ? ", \(Nanodollars.text(budget.reservedCost)) is held for calls under way" : "")
        + ", and this call of \(call.model) may cost up to \(Nanodollars.text(call.reservedCost)); "
        + "raise the budget or ask for less output"
    }
    return "\(name), \(budget.maxTokens ?? 0) tokens, does not reach: \(budget.spentTokens) are used"
      + (budget.reservedTokens > 0 ? ", \(budget.reservedTokens) are held for calls under way" : "")
      + ", and this call of \(call.model) may use up to \(call.reservedTokens); raise the budget or ask for less output"
  }

  static func unpriced(_ model: String, _ budget: BudgetRecord) -> ModelError {
    ModelError(
      .unpriced,
      "the model '\(model)' has no price, so the budget of this \(budget.scope.rawValue) cannot be kept: "
        + "use a model that has one, or allow models without a price", isRetryable: false)
  }

  /// `budget.exhausted`; nil when nobody could read it.
  static func event(_ budget: BudgetRecord, _ call: ModelCallRecord, message: String) -> NewEvent? {
    let topics = [
      call.projectId.map(Topic.project), call.sessionId.map(Topic.session), call.runId.map { "run:\($0)" },
      call.jobId.map { "job:\($0)" },
    ].compactMap(\.self)
    guard !topics.isEmpty else { return nil }
    return NewEvent(
      "budget.exhausted", topics: topics,
      data: .object(
        JSONObject(
          [
            ("scope", .string(budget.scope.rawValue)), ("scope_id", .string(budget.scopeId)),
            ("project_id", JSONValue(call.projectId)), ("session_id", JSONValue(call.sessionId)),
            ("message_id", JSONValue(call.messageId)), ("model", .string(call.model)), ("message", .string(message)),
            ("needed_cost_usd", .number(Nanodollars.dollars(call.reservedCost))),
            ("needed_tokens", .integer(call.reservedTokens)),
          ] + BudgetView.members(budget))))
  }
}
