import EventLog
import Foundation
import JSON
import Logging
import ModelProviders
import Services
import Store
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct `Ledger of model calls` {
  private struct World: Sendable {
    let journal: Journal
    let budgets: BudgetService
    let usage: UsageService

    func ledger(patience: Duration = .seconds(60), allowsUnpriced: Bool = false) -> ModelLedger {
      ModelLedger(journal: journal, allowsUnpriced: allowsUnpriced, patience: patience)
    }

    func budget(_ place: BudgetRecord.Place = `Ledger of model calls`.place) async throws -> BudgetRecord {
      try #require(try await budgets.budget(of: place))
    }
  }

  /// What several agents count together.
  private final class Counts: Sendable {
    let made = Mutex(0)
    let refused = Mutex(0)
    let most = Mutex(0)
  }

  private static let place = BudgetRecord.Place(scope: .job, id: "j")

  private static func withWorld<T: Sendable>(_ body: @escaping @Sendable (World) async throws -> T) async throws -> T {
    try await withTemporaryFolder { folder in
      let store = try SQLiteStore.open(url: "sqlite:///\(folder.path)/ledger.db")
      let journal = try Journal(store: store, logger: .silent)
      return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await journal.run() }
        defer { journal.stop() }
        return try await body(
          World(journal: journal, budgets: BudgetService(journal: journal), usage: UsageService(journal: journal)))
      }
    }
  }

  /// A call of gpt-5, at 1.25 and 10 dollars a million tokens.
  private static func call(
    input: Int = 1000, output: Int = 10_000, model: String = "gpt-5", _ caller: ModelCaller = ModelCaller(jobID: "j")
  ) -> ModelCall {
    ModelCall(provider: .openAI, model: model, inputBound: input, outputBound: output, caller: caller)
  }

  private static func end(
    input: Int = 1000, output: Int = 10_000, _ outcome: ModelCallEnd.Outcome = .completed
  ) -> ModelCallEnd {
    var usage = TokenUsage()
    (usage.input, usage.output) = (input, output)
    return ModelCallEnd(outcome, usage: usage, model: "gpt-5", status: 200, latency: .milliseconds(5))
  }

  /// Sixty calls of an agent, which use what they will.
  private static func callAtRandom(
    _ world: World, _ ledger: ModelLedger, _ counts: Counts, agent: Int
  ) async throws {
    var generator = SeededGenerator(seed: UInt64(agent + 1))
    for _ in 0..<60 {
      let output = Int.random(in: 100...10_000, using: &generator)
      let id: String
      do { id = try await ledger.open(call(output: output)) } catch let error as ModelError {
        #expect(error.code == .budgetExhausted)
        counts.refused.withLock { $0 += 1 }
        continue
      }
      counts.made.withLock { $0 += 1 }
      let budget = try await world.budget()
      counts.most.withLock { $0 = max($0, budget.spentCost + budget.reservedCost) }
      await Task.yield()
      switch Int.random(in: 0..<10, using: &generator) {
      case 0: await ledger.close(id, ModelCallEnd(.failed, status: 500, latency: .zero))
      case 1: ledger.abandon(id, ModelCallEnd(.unreported, status: 200, latency: .zero))
      default: await ledger.close(id, end(output: Int.random(in: 1...output, using: &generator)))
      }
    }
  }

  @Test func `never lets five agents at once pass one dollar, whatever their calls use`() async throws {
    try await Self.withWorld { world in
      let ledger = world.ledger()
      _ = try await world.budgets.set(Self.place, to: BudgetLimits(dollars: 1))
      let counts = Counts()
      try await withThrowingTaskGroup(of: Void.self) { group in
        for agent in 0..<5 {
          group.addTask { try await Self.callAtRandom(world, ledger, counts, agent: agent) }
        }
        try await group.waitForAll()
      }
      // What was abandoned is settled by the next change at the latest.
      try await world.journal.append { _, _ in }
      let budget = try await world.budget()
      #expect(counts.most.withLock { $0 } <= 1_000_000_000)
      #expect(budget.spentCost <= 1_000_000_000)
      #expect(budget.spentCost > 850_000_000)
      #expect(budget.reservedCost == 0)
      #expect(counts.refused.withLock { $0 } > 0)
      let total = try await world.usage.totals(by: .model, since: nil, until: nil)["total"]
      #expect(total?["calls"]?.integer == counts.made.withLock { $0 })
      #expect(abs((total?["cost_usd"]?.number ?? 0) - Double(budget.spentCost) / 1e9) < 1e-9)
    }
  }

  @Test func `waits for calls under way when they may leave enough`() async throws {
    try await Self.withWorld { world in
      let ledger = world.ledger()
      _ = try await world.budgets.set(Self.place, to: BudgetLimits(dollars: 0.15))
      let first = try await ledger.open(Self.call())
      async let second = ledger.open(Self.call())
      let reserved = try await world.budget().reservedCost
      #expect(reserved == 101_250_000)
      await ledger.close(first, Self.end(output: 10))
      let id = try await second
      #expect(id != first)
      // Were the first to have used it all, the second could not have been made.
      await ledger.close(id, Self.end())
      let error = await #expect(throws: ModelError.self) { try await ledger.open(Self.call()) }
      #expect(error?.code == .budgetExhausted)
      #expect(error?.isRetryable == false)
    }
  }

  @Test func `does not wait for ever, and not longer than the caller`() async throws {
    try await Self.withWorld { world in
      _ = try await world.budgets.set(Self.place, to: BudgetLimits(dollars: 0.15))
      _ = try await world.ledger().open(Self.call())
      let error = await #expect(throws: ModelError.self) {
        try await world.ledger(patience: .milliseconds(20)).open(Self.call())
      }
      #expect(error?.message.contains("held for calls under way") == true)
      let ledger = world.ledger()
      let waiting = Task { try await ledger.open(Self.call()) }
      waiting.cancel()
      await #expect(throws: CancellationError.self) { try await waiting.value }
    }
  }

  @Test func `holds a call to every budget at once or to none`() async throws {
    try await Self.withWorld { world in
      let ledger = world.ledger()
      let places: [BudgetRecord.Place] = [
        .init(scope: .session, id: "s"), .init(scope: .run, id: "r"), .init(scope: .job, id: "j"),
        .init(scope: .key, id: "k"), .init(scope: .token, id: "t"),
      ]
      let caller = ModelCaller(sessionID: "s", runID: "r", jobID: "j", keyID: "k", tokenID: "t")
      for (index, place) in places.enumerated() {
        for other in places { _ = try await world.budgets.set(other, to: BudgetLimits(dollars: 10)) }
        _ = try await world.budgets.set(place, to: BudgetLimits(dollars: 0.01))
        let error = await #expect(throws: ModelError.self) { try await ledger.open(Self.call(caller)) }
        #expect(error?.message.contains("this \(place.scope.rawValue)") == true, "\(index)")
        for other in places { #expect(try await world.budget(other).reservedCost == 0) }
      }
      for other in places { _ = try await world.budgets.set(other, to: BudgetLimits(dollars: 10, tokens: 30_000)) }
      let id = try await ledger.open(Self.call(caller))
      for other in places { #expect(try await world.budget(other).reservedTokens == 11_000) }
      await ledger.close(id, Self.end(input: 500, output: 20))
      for other in places {
        let budget = try await world.budget(other)
        #expect([budget.spentTokens, budget.reservedTokens, budget.reservedCost] == [520, 0, 0] as [Int])
        #expect(budget.spentCost == 825_000)
      }
    }
  }

  @Test(arguments: [
    (ModelCallEnd.Outcome.completed, 825_000, 520), (.failed, 825_000, 520), (.unreported, 101_250_000, 11_000),
  ])
  func `settles by what was reported, and by the worst case where nothing final was`(
    outcome: ModelCallEnd.Outcome, cost: Int, tokens: Int
  ) async throws {
    try await Self.withWorld { world in
      _ = try await world.budgets.set(Self.place, to: BudgetLimits(dollars: 10))
      let ledger = world.ledger()
      let id = try await ledger.open(Self.call())
      await ledger.close(id, Self.end(input: 500, output: 20, outcome))
      await ledger.close(id, Self.end(input: 500, output: 20, outcome))
      let budget = try await world.budget()
      #expect([budget.spentCost, budget.spentTokens, budget.reservedCost] == [cost, tokens, 0] as [Int])
    }
  }

  @Test func `refuses a model without a price where the cost is limited, unless it is allowed`() async throws {
    try await Self.withWorld { world in
      let call = Self.call(model: "nobody-knows-it")
      _ = try await world.budgets.set(Self.place, to: BudgetLimits(dollars: 10))
      let error = await #expect(throws: ModelError.self) { try await world.ledger().open(call) }
      #expect(error?.code == .unpriced)
      _ = try await world.ledger(allowsUnpriced: true).open(call)
      _ = try await world.budgets.set(Self.place, to: BudgetLimits(dollars: 10, allowsUnpriced: true))
      _ = try await world.ledger().open(call)
      _ = try await world.budgets.set(Self.place, to: BudgetLimits(tokens: 100_000))
      _ = try await world.ledger().open(call)
      let other = Self.call(model: "nobody-knows-it", ModelCaller())
      _ = try await world.ledger().open(other)
    }
  }

  @Test func `gives back what a crash left set aside, and counts what was spent before there was a budget`()
    async throws
  {
    try await Self.withWorld { world in
      let ledger = world.ledger()
      let before = try await ledger.open(Self.call())
      await ledger.close(before, Self.end(input: 500, output: 20))
      let open = try await ledger.open(Self.call())
      _ = try await world.budgets.set(Self.place, to: BudgetLimits(dollars: 10))
      var budget = try await world.budget()
      #expect([budget.spentCost, budget.reservedCost] == [825_000, 101_250_000] as [Int])
      try await ledger.restore()
      budget = try await world.budget()
      #expect([budget.spentCost, budget.reservedCost] == [825_000, 0] as [Int])
      // The dead daemon's call cannot be settled any more.
      await ledger.close(open, Self.end())
      #expect(try await world.budget().spentCost == 825_000)
      #expect(try await world.budgets.set(Self.place, to: BudgetLimits()) == nil)
      #expect(try await world.budgets.budget(of: Self.place) == nil)
    }
  }

  @Test func `tells of exhaustion once for each refused call, under the topics of its caller`() async throws {
    try await Self.withWorld { world in
      _ = try await world.budgets.set(.init(scope: .session, id: "s"), to: BudgetLimits(dollars: 0.001))
      let caller = ModelCaller(projectID: "p", sessionID: "s", messageID: "m", runID: "r")
      _ = try? await world.ledger().open(Self.call(caller))
      for topic in ["project:p", "session:s", "run:r"] {
        let subscription = Subscription.start(world.journal, topic: topic, after: 0)
        guard case .events(let events)? = try await subscription.next(), let event = events.first else {
          Issue.record("no event for \(topic)")
          continue
        }
        #expect(event.name == "budget.exhausted")
        #expect(event.data["scope"]?.string == "session")
        #expect(event.data["message_id"]?.string == "m")
        #expect(event.data["needed_cost_usd"]?.number == 0.10125)
        subscription.cancel()
      }
    }
  }
}
