import Platform
import Store
import Synchronization

/// Takes secrets out of the items of a model's stream, also those that are split between deltas.
final class DeltaRedactors: Sendable {
  private struct Key: Hashable {
    let item: String
    let kind: String
  }

  private let redactor: Redactor
  private let streams = Mutex<[Key: StreamRedactor]>([:])

  init(_ redactor: Redactor) { self.redactor = redactor }

  /// What may be shown of a delta now, with what was held back before it.
  func receive(_ text: String, of item: String, _ kind: String) -> String {
    streams.withLock { $0[Key(item: item, kind: kind), default: StreamRedactor(redactor)].receive(text) }
  }

  /// What was held back of an item that is complete.
  func finish(_ item: String) -> [(kind: String, text: String)] {
    streams.withLock { streams in
      var rests: [(kind: String, text: String)] = []
      for key in streams.keys.filter({ $0.item == item }).sorted(by: { $0.kind < $1.kind }) {
        guard var stream = streams.removeValue(forKey: key) else { continue }
        rests.append((key.kind, stream.finishText()))
      }
      return rests
    }
  }

  /// Forgets everything: the answer is void, or another one begins.
  func clear() { streams.withLock { $0 = [:] } }
}

extension MessageRecord {
  /// Takes secrets out of everything that somebody said.
  mutating func redact(_ redactor: Redactor) {
    for field in [
      \MessageRecord.content, \.input, \.newItems, \.finalOutput, \.finalOutputTyped, \.toolCalls, \.toolOutputs,
      \.handoffs, \.eventData, \.openaiResponse,
    ] {
      self[keyPath: field] = self[keyPath: field].map(redactor.redact)
    }
  }
}
