package import EventLog
import GRDB
import Logging
package import ModelProviders
import Platform
import Store

/// The account of all calls of models, in the database: each is a row from before it is made, and what it can cost at
/// the most is set aside in the budgets of its session, run, job, key and token in the same transaction.
///
///     open: spent + set aside + worst case <= limit in every budget -> set aside
///               \-> it would be, were the calls under way settled -> wait for them
///               \-> spent + worst case > limit -> budget.exhausted
///     close: set aside -> spent, by what the provider reported
///
/// So the sum of what is spent and what can still be spent never passes a limit, however many calls there are at once.
package final class ModelLedger: CallLedger {
  private let journal: Journal
  private let prices: Prices
  private let allowsUnpriced: Bool
  private let patience: Duration
  private let settlements = Settlements()

  /// A ledger in a journal's database; a call waits no longer than `patience` for others to be settled.
  package init(
    journal: Journal, prices: Prices = .current, allowsUnpriced: Bool = false, patience: Duration = .seconds(120)
  ) {
    self.journal = journal
    self.prices = prices
    self.allowsUnpriced = allowsUnpriced
    self.patience = patience
  }

  /// Gives back what was set aside for calls that the end of the last daemon cut short; call it before the first call.
  package func restore() async throws {
    try await journal.append { db, _ in try db.interruptModelCalls(at: Timestamp.now.text) }
  }

  private enum Verdict: Sendable {
    case opened
    case waits
    case refused(ModelError)
  }

  /// Opens a call when every budget reaches for its worst case; waits for calls under way when that may help.
  package func open(_ call: ModelCall) async throws -> String {
    let record = record(of: call)
    let deadline = ContinuousClock.now.advanced(by: patience)
    while true {
      try Task.checkCancellation()
      let seen = settlements.count
      switch try await attempt(record, call, isLast: ContinuousClock.now >= deadline) {
      case .opened: return record.id
      case .refused(let error): throw error
      case .waits: await settlements.wait(after: seen, until: deadline)
      }
    }
  }

  private func record(of call: ModelCall) -> ModelCallRecord {
    var record = ModelCallRecord(
      id: UUIDv7.make(), provider: call.provider.rawValue, model: String(call.model.prefix(200)),
      source: call.caller.source.rawValue,
      reservedCost: prices.worstCase(of: call).map(Nanodollars.spent) ?? 0,
      reservedTokens: call.inputBound + call.outputBound, startedAt: Timestamp.now.text)
    let caller = call.caller
    (record.projectId, record.sessionId, record.messageId) = (caller.projectID, caller.sessionID, caller.messageID)
    (record.runId, record.jobId, record.keyId, record.tokenId) = (
      caller.runID, caller.jobID, caller.keyID, caller.tokenID
    )
    return record
  }

  private func attempt(_ record: ModelCallRecord, _ call: ModelCall, isLast: Bool) async throws -> Verdict {
    let isPriced = prices.worstCase(of: call) != nil
    let allowsUnpriced = allowsUnpriced
    return try await journal.append(isDurable: false) { db, events in
      let budgets = try record.scopes.compactMap { try db.budget($0) }
      var waits = false
      for budget in budgets {
        if budget.maxCost != nil, !isPriced, !allowsUnpriced, !budget.allowsUnpriced {
          return .refused(BudgetRefusal.unpriced(record.model, budget))
        }
        switch BudgetRefusal.judge(budget, record, isLast: isLast) {
        case .fits: break
        case .waits: waits = true
        case .exhausted:
          let message = BudgetRefusal.message(budget, record)
          if let event = BudgetRefusal.event(budget, record, message: message) { events.append(event) }
          return .refused(ModelError(.budgetExhausted, message, isRetryable: false))
        }
      }
      if waits { return .waits }
      try db.insert(record)
      for budget in budgets {
        try db.reserve(
          .init(scope: budget.scope, id: budget.scopeId), cost: record.reservedCost, tokens: record.reservedTokens)
      }
      return .opened
    }
  }

  /// Settles a call.
  package func close(_ id: String, _ end: ModelCallEnd) async {
    // A call that cannot be settled stays open, with its worst case set aside, until the next start.
    try? await journal.append(isDurable: false, settling(id, end))
    settlements.note()
  }

  /// Settles a call that nobody reads any further.
  package func abandon(_ id: String, _ end: ModelCallEnd) {
    journal.submit(settling(id, end)) { [settlements] in settlements.note() }
  }

  private func settling(
    _ id: String, _ end: ModelCallEnd
  ) -> @Sendable (Database, inout [NewEvent]) throws -> Void {
    { [prices] db, _ in
      guard var record = try db.modelCall(id: id), record.status == .open else { return }
      let reserved = (cost: record.reservedCost, tokens: record.reservedTokens)
      let used = record.settle(end, prices: prices)
      try db.update(record)
      for place in record.scopes { try db.settle(place, cost: used.cost, tokens: used.tokens, reserved: reserved) }
    }
  }
}

extension ModelCallRecord {
  /// Takes over how the call ended; returns what counts against its budgets.
  fileprivate mutating func settle(_ end: ModelCallEnd, prices: Prices) -> (cost: Int, tokens: Int) {
    let usage = end.usage ?? TokenUsage()
    let price = [end.model, model].compactMap(\.self).lazy.compactMap { prices.cost(of: usage, model: $0) }.first
    var tokens = usage.total
    cost = price.map(Nanodollars.spent)
    switch end.outcome {
    case .completed: status = .completed
    case .failed: status = .failed
    case .unreported:
      status = .unreported
      tokens = max(tokens, reservedTokens)
      cost = cost.map { max($0, reservedCost) }
    }
    (inputTokens, cachedTokens) = (usage.input, usage.cached)
    (outputTokens, reasoningTokens) = (usage.output, usage.reasoning)
    if let answered = end.model, !answered.isEmpty { model = String(answered.prefix(200)) }
    (reservedCost, reservedTokens) = (0, 0)
    httpStatus = end.status
    latencyMs = end.latency.wholeMilliseconds
    endedAt = Timestamp.now.text
    return (cost ?? 0, tokens)
  }
}
