import Agents
import EventLog
import JSON
import ModelProviders
import Platform
import Store
import Synchronization

/// Keeps what happens while a message is worked on: each step becomes a row and an event the moment it happens.
struct RunRecorder: Sendable {
  let journal: Journal
  let projectID: String
  let sessionID: String
  let requestID: String
  let traceID: String
  private let sequence = Sequence()
  private let deltas: DeltaRedactors

  /// Counts the steps of one run.
  private final class Sequence: Sendable {
    private let value = Mutex(0)
    func next() -> Int {
      value.withLock { value in
        value += 1
        return value
      }
    }
  }

  init(journal: Journal, projectID: String, sessionID: String, requestID: String, traceID: String) {
    self.journal = journal
    self.projectID = projectID
    self.sessionID = sessionID
    self.requestID = requestID
    self.traceID = traceID
    deltas = DeltaRedactors(journal.redactor)
  }

  var topics: [String] { [Topic.project(projectID), Topic.session(sessionID)] }

  /// A new row of this run.
  func row(role: String = "assistant", type: String = "stream_event", agent: String?, iteration: Int?) -> MessageRecord
  {
    MessageRecord(
      id: UUIDv7.make(), sessionId: sessionID, requestId: requestID, role: role, messageType: type, agent: agent,
      iteration: iteration, traceId: traceID, createdAt: Timestamp.now.text)
  }

  /// Records a step.
  func record(_ step: ProposalStep) async {
    switch step {
    case .agentStarted(let agent, let iteration):
      deltas.clear()
      var row = row(agent: agent, iteration: iteration)
      row.streamEventType = "agent_updated_stream_event"
      row.eventData = JSONValue.object(JSONObject([("new_agent", ["name": .string(agent)])])).encodedText
      row.content = ""
      await post(row)
    case .model(let agent, let iteration, let event):
      await record(event, agent: agent, iteration: iteration)
    case .responded(let agent, let iteration, let response):
      await record(response, agent: agent, iteration: iteration)
    case .toolAnswered(let agent, let iteration, let callID, let output):
      var row = row(agent: agent, iteration: iteration)
      row.streamEventType = "run_item_stream_event"
      let value: JSONValue = ["type": "function_call_output", "call_id": .string(callID), "output": output]
      row.toolOutputs = JSONValue.array([value]).encodedText
      row.eventData = (["name": "tool_output", "item": value] as JSONValue).encodedText
      row.content = ""
      await post(row)
    case .evaluated(let iteration, let patch, let description, let evaluation):
      await journal.post(
        NewEvent(
          "debug_iteration", topics: topics,
          data: [
            "session_id": .string(sessionID), "message_id": .string(requestID), "iteration": .integer(iteration),
            "patch_content": .string(patch), "patch_description": .string(description),
            "evaluator_approved": .bool(evaluation.isApproved),
            "evaluator_reasoning": .string(evaluation.reasoning),
            "evaluator_feedback": evaluation.isApproved ? nil : .string(evaluation.reasoning),
          ]))
    }
  }

  private func record(_ event: ModelEvent, agent: String, iteration: Int) async {
    switch event {
    case .textDelta(let item, let text): await delta("text", item, text, agent: agent, iteration: iteration)
    case .reasoningDelta(let item, let text): await delta("reasoning", item, text, agent: agent, iteration: iteration)
    case .argumentsDelta(let item, let text): await delta("arguments", item, text, agent: agent, iteration: iteration)
    case .toolCallStarted(let item, let name):
      await journal.post(
        NewEvent(
          "tool_call.started", topics: topics,
          data: [
            "message_id": .string(requestID), "session_id": .string(sessionID), "item_id": .string(item),
            "agent": .string(agent), "iteration": .integer(iteration), "name": .string(name),
          ]))
    case .itemCompleted(let item):
      for (kind, text) in deltas.finish(item["id"]?.string ?? "") {
        await post(delta: text, kind, item["id"]?.string ?? "", agent: agent, iteration: iteration)
      }
      await record(item: item, agent: agent, iteration: iteration)
    case .retrying(let reason, let delay):
      deltas.clear()
      await journal.post(
        NewEvent(
          "message.retrying", topics: topics,
          data: [
            "message_id": .string(requestID), "session_id": .string(sessionID), "agent": .string(agent),
            "iteration": .integer(iteration), "reason": .string(reason),
            "delay_ms": .integer(Int(delay / .milliseconds(1))),
          ]))
    }
  }

  private func delta(_ kind: String, _ item: String, _ text: String, agent: String, iteration: Int) async {
    await post(delta: deltas.receive(text, of: item, kind), kind, item, agent: agent, iteration: iteration)
  }

  private func post(delta text: String, _ kind: String, _ item: String, agent: String, iteration: Int) async {
    guard !text.isEmpty else { return }
    await journal.post(
      NewEvent(
        "message.delta", topics: topics,
        data: [
          "message_id": .string(requestID), "session_id": .string(sessionID), "item_id": .string(item),
          "kind": .string(kind), "agent": .string(agent), "iteration": .integer(iteration), "delta": .string(text),
        ]))
  }

  /// A complete item of a response: words, a call, or reasoning.
  private func record(item: JSONValue, agent: String, iteration: Int) async {
    var row = row(agent: agent, iteration: iteration)
    row.streamEventType = "run_item_stream_event"
    var preview: String?
    let name: String
    switch item["type"]?.string {
    case "function_call":
      name = "tool_called"
      row.toolCalls = JSONValue.array([item]).encodedText
      let arguments = item["arguments"]?.string.flatMap { try? JSONParser.parse($0) }
      preview = arguments?["patch"]?.string.map { $0.split(separator: "\n").prefix(10).joined(separator: "\n") }
    case "reasoning": name = "reasoning_item_created"
    default:
      name = "message_output_created"
      row.content = (item["content"]?.array ?? []).compactMap { $0["text"]?.string }.joined()
    }
    row.content = row.content ?? ""
    // Encrypted reasoning and signatures are of use to the provider only, and large.
    var shown = item.object ?? JSONObject()
    shown["encrypted_content"] = nil
    shown["provider_data"] = nil
    row.eventData = (["name": .string(name), "item": .object(shown)] as JSONValue).encodedText
    await post(row, patchPreview: preview)
  }

  /// A complete response: stored whole, with what it used and cost.
  private func record(_ response: ModelResponse, agent: String, iteration: Int) async {
    await recordUsage(of: response, agent: agent, iteration: iteration, asRow: true)
  }

  /// Keeps what a response used and cost: as an event, and as a row of the session when there is one.
  func recordUsage(of response: ModelResponse, agent: String, iteration: Int, asRow: Bool) async {
    var row = row(agent: agent, iteration: iteration)
    row.streamEventType = "raw_response_event"
    row.eventData = (["name": "response.completed", "response_id": .string(response.id)] as JSONValue).encodedText
    row.content = ""
    fill(&row, with: response, agent: agent, iteration: iteration)
    let usage: JSONValue = [
      "session_id": sessionID.isEmpty ? .null : .string(sessionID), "message_id": .string(requestID),
      "agent": .string(agent), "iteration": .integer(iteration),
      "usage": row.tokenUsage.map { .encoded($0) } ?? .null, "timestamp": .string(row.createdAt),
    ]
    let topics = asRow ? topics : [Topic.project(projectID)]
    if asRow { await post(row) }
    await journal.post(NewEvent("token_usage", topics: topics, data: usage))
  }

  /// Puts a response's figures into a row.
  func fill(_ row: inout MessageRecord, with response: ModelResponse, agent: String, iteration: Int) {
    row.openaiResponse = response.raw
    row.lastResponseId = response.id
    row.model = response.model
    row.costUsd = Prices.current.cost(of: response.usage, model: response.model)
    row.latencyMs = Int(response.latency / .milliseconds(1))
    row.usageInputTokens = response.usage.input
    row.usageOutputTokens = response.usage.output
    row.usageTotalTokens = response.usage.total
    row.usageCachedTokens = response.usage.cached
    row.usageReasoningTokens = response.usage.reasoning
    row.tokenUsage =
      ([
        "prompt_tokens": .integer(response.usage.input), "completion_tokens": .integer(response.usage.output),
        "total_tokens": .integer(response.usage.total), "model": .string(response.model), "agent": .string(agent),
        "iteration": .integer(iteration),
      ] as JSONValue).encodedText
  }

  private func post(_ unnumbered: MessageRecord, patchPreview: String? = nil) async {
    var row = unnumbered
    row.redact(journal.redactor)
    row.streamSequence = sequence.next()
    let event = NewEvent(
      "conversation_message", topics: topics, data: MessageView.event(row, patchPreview: patchPreview))
    await journal.post { [row] db, events in
      try db.insert(row)
      events.append(event)
    }
  }
}
