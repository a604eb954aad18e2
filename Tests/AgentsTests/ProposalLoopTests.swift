import Agents
import JSON
import ModelProviders
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct `Proposal loop` {
  /// Takes patches that say `good`, refuses the rest, and keeps what it is told.
  private final class Environment: ProposalEnvironment {
    let steps = Mutex<[String]>([])

    func check(patch: String) async throws -> PatchVerdict {
      guard patch.contains("good") else { return .refused("SyntaxError: invalid syntax at line 1") }
      return .applies(Proposal(tree: "t", diff: patch, before: [], after: []))
    }

    func report(_ step: ProposalStep) async throws {
      let text: String? =
        switch step {
        case .agentStarted(let agent, let iteration): "\(agent) \(iteration)"
        case .evaluated(let iteration, _, _, let evaluation): "verdict \(iteration) \(evaluation.isApproved)"
        default: nil
        }
      if let text { steps.withLock { $0.append(text) } }
    }
  }

  private static func submit(_ patch: String) -> ScriptedModel.Answer {
    .call(
      "submit_patch",
      arguments: (["patch": .string(patch), "description": "Change it"] as JSONValue).encodedText)
  }

  private static func verdict(_ isApproved: Bool, _ reason: String = "fine") -> ScriptedModel.Answer {
    .words(
      (["approved": .bool(isApproved), "reasoning": .string(reason), "commit_message": "Do it"] as JSONValue)
        .encodedText)
  }

  private static func run(
    _ answers: [ScriptedModel.Answer], memory: [JSONValue] = []
  ) async throws -> (outcome: ProposalOutcome, model: ScriptedModel, steps: [String]) {
    let model = ScriptedModel(answers)
    let environment = Environment()
    let loop = ProposalLoop(provider: model, models: AgentModels(thinking: "gpt-5-thinking", small: "small"))
    let task = ProposalTask(prompt: "Do it", files: [.init(path: "main.py", text: "x = 1\n")], memory: memory)
    let outcome = try await loop.run(task, in: environment)
    return (outcome, model, environment.steps.withLock { $0 })
  }

  @Test func `gives words as they are`() async throws {
    let ran = try await Self.run([.words("There are none.")])
    guard case .answer(let text) = ran.outcome.result else {
      Issue.record("no answer")
      return
    }
    #expect(text == "There are none.")
    #expect(ran.outcome.usage.total == 15)
  }

  @Test func `gives an approved patch`() async throws {
    let ran = try await Self.run([Self.submit("good"), Self.verdict(true)])
    guard case .approved(let proposal, let evaluation, let description) = ran.outcome.result else {
      Issue.record("not approved")
      return
    }
    #expect(proposal.diff == "good")
    #expect(evaluation.commitMessage == "Do it")
    #expect(description == "Change it")
    #expect(ran.steps == ["vibecoder 0", "evaluator 0", "verdict 0 true"])
    #expect(ran.model.requests.map(\.model) == ["gpt-5", "small"])
  }

  @Test func `tells the compiler's words and the evaluator's reasons to the vibecoder`() async throws {
    let ran = try await Self.run([
      Self.submit("bad"), Self.submit("good"), Self.verdict(false, "use two spaces"), Self.submit("good 2"),
      Self.verdict(true),
    ])
    guard case .approved = ran.outcome.result else {
      Issue.record("not approved")
      return
    }
    let inputs = ran.model.requests.map { JSONValue.array($0.input).encodedText }
    #expect(inputs[1].contains("SyntaxError: invalid syntax at line 1"))
    #expect(inputs[3].contains("use two spaces"))
    #expect(ran.steps.filter { $0.hasPrefix("verdict") } == ["verdict 0 false", "verdict 1 false", "verdict 2 true"])
  }

  @Test func `gives up after three patches, with the last feedback`() async throws {
    let ran = try await Self.run([
      Self.submit("good"), Self.verdict(false, "a"), Self.submit("good"), Self.verdict(false, "b"),
      Self.submit("good"), Self.verdict(false, "c"), Self.submit("good"), Self.verdict(true),
    ])
    guard case .rejected(let feedback) = ran.outcome.result else {
      Issue.record("not rejected")
      return
    }
    #expect(feedback == "c")
    #expect(ran.model.requests.count == 6)
  }

  @Test(arguments: [
    ("submit_patch", "{broken", "JSON"), ("submit_patch", "{\"patch\":1}", "needs the strings"),
    ("delete_everything", "{}", "no function"),
  ])
  func `answers a bad call and goes on`(name: String, arguments: String, hint: String) async throws {
    let ran = try await Self.run([.call(name, arguments: arguments), Self.submit("good"), Self.verdict(true)])
    let second = JSONValue.array(ran.model.requests[1].input).encodedText
    #expect(second.contains(hint))
    guard case .approved = ran.outcome.result else {
      Issue.record("not approved")
      return
    }
  }

  @Test func `ends although the model never does`() async throws {
    let ran = try await Self.run(Array(repeating: .call("nothing", arguments: "{}"), count: 100))
    guard case .rejected = ran.outcome.result else {
      Issue.record("did not end")
      return
    }
    #expect(ran.model.requests.count == 10)
  }

  @Test func `takes a verdict that cannot be read for a refusal`() async throws {
    let ran = try await Self.run([Self.submit("good"), .words("LGTM!"), Self.submit("good"), Self.verdict(true)])
    guard case .approved = ran.outcome.result else {
      Issue.record("not approved")
      return
    }
  }

  @Test func `remembers the request without the files, and the calls with their outputs`() async throws {
    let memory: [JSONValue] = [["role": "user", "content": "earlier"]]
    let ran = try await Self.run([Self.submit("good"), Self.verdict(true)], memory: memory)
    let text = JSONValue.array(ran.outcome.memory).encodedText
    #expect(!text.contains("x = 1"))
    #expect(text.contains("function_call_output"))
    #expect(JSONValue.array(ran.model.requests[0].input).encodedText.contains("earlier"))
  }

  @Test func `passes a model's failure on`() async throws {
    let failure = ModelError(.unreachable, "gone", isRetryable: true)
    await #expect(throws: failure) { _ = try await Self.run([.failure(failure)]) }
  }
}
