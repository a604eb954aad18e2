import JSON
package import ModelProviders
import Synchronization

/// A model that gives the answers of a script, one after another, and remembers what it was asked.
package final class ScriptedModel: ModelProvider {
  private let answers: Mutex<[Answer]>
  private let asked = Mutex<[ModelRequest]>([])

  /// What it does when it is asked.
  package enum Answer: Sendable {
    /// Says words.
    case words(String)
    /// Calls a function with arguments, JSON text.
    case call(String, arguments: String)
    /// Fails.
    case failure(ModelError)
  }

  /// A model with a script; asked once more than it has answers, it fails.
  package init(_ answers: [Answer]) { self.answers = Mutex(answers) }

  /// The requests so far.
  package var requests: [ModelRequest] { asked.withLock { $0 } }

  package func respond(
    to request: ModelRequest, onEvent: @escaping @Sendable (ModelEvent) async throws -> Void
  ) async throws -> ModelResponse {
    let number = asked.withLock { asked in
      asked.append(request)
      return asked.count
    }
    let answer = answers.withLock { $0.isEmpty ? nil : $0.removeFirst() }
    let item: JSONValue
    switch answer {
    case .words(let text):
      item = [
        "type": "message", "id": .string("msg_\(number)"), "role": "assistant",
        "content": [["type": "output_text", "text": .string(text)]],
      ]
      try await onEvent(.textDelta(itemID: "msg_\(number)", text: text))
    case .call(let name, let arguments):
      item = [
        "type": "function_call", "id": .string("fc_\(number)"), "call_id": .string("call_\(number)"),
        "name": .string(name), "arguments": .string(arguments),
      ]
    case .failure(let error): throw error
    case nil: throw ModelError(.failed, "the script has no more answers", isRetryable: false)
    }
    try await onEvent(.itemCompleted(item))
    var usage = TokenUsage()
    (usage.input, usage.output) = (10, 5)
    return ModelResponse(
      id: "resp_\(number)", model: "scripted", items: [item], usage: usage, raw: "{}", latency: .zero)
  }
}
