import EventLog
import JSON
import Platform
import Sandbox
import Store
import Synchronization

/// Tells the readers of a project's events what a test prints, a few times a second.
final class TestProgress: Sendable {
  /// Where the events go.
  let topics: [String]
  private let test: TestCaseRecord
  private let result: TestResultRecord
  private let journal: Journal
  private let state = Mutex(State())

  private struct State {
    var waiting: [(stream: SandboxRun.Stream, bytes: [UInt8])] = []
    var rests: [SandboxRun.Stream: [UInt8]] = [:]
    var redactors: [SandboxRun.Stream: StreamRedactor] = [:]
  }

  init(test: TestCaseRecord, result: TestResultRecord, diff: DiffRecord?, journal: Journal) {
    self.test = test
    self.result = result
    self.journal = journal
    topics = [Topic.project(test.projectId)] + (diff.map { [Topic.diff($0.id)] } ?? [])
  }

  /// Says that the test begins.
  func start() async {
    await journal.post(
      NewEvent(
        "test_started", topics: topics,
        data: [
          "test_id": .string(test.id), "result_id": .string(result.id), "test_name": .string(test.name),
          "diff_id": JSONValue(result.diffId),
        ]))
  }

  /// Sends what has come, until the task is cancelled.
  func run() async {
    while !Task.isCancelled {
      // Ends early only when the task is cancelled, which the loop's condition sees.
      try? await Task.sleep(for: .milliseconds(50))
      await send(isLast: false)
    }
  }

  /// Takes a piece of output.
  @Sendable func observe(_ stream: SandboxRun.Stream, _ bytes: [UInt8]) {
    state.withLock { state in
      if state.waiting.last?.stream == stream {
        state.waiting[state.waiting.count - 1].bytes += bytes
      } else {
        state.waiting.append((stream, bytes))
      }
    }
  }

  /// Sends what is left.
  func end() async { await send(isLast: true) }

  private func send(isLast: Bool) async {
    let redactor = journal.redactor
    let pieces = state.withLock { state in
      defer { state.waiting = [] }
      var pieces: [(SandboxRun.Stream, String)] = []
      for (stream, bytes) in state.waiting {
        let shown = state.redactors[stream, default: StreamRedactor(redactor)].receive(bytes)
        // A character that is not complete waits for its rest.
        let all = (state.rests[stream] ?? []) + shown
        let end = all.count - Self.incomplete(all)
        state.rests[stream] = Array(all[end...])
        pieces.append((stream, String(decoding: all[..<end], as: UTF8.self)))
      }
      guard isLast else { return pieces }
      for stream in state.redactors.keys.sorted(by: { $0.rawValue < $1.rawValue }) {
        let rest = (state.rests[stream] ?? []) + (state.redactors[stream]?.finish() ?? [])
        pieces.append((stream, String(decoding: rest, as: UTF8.self)))
        state.rests[stream] = nil
      }
      return pieces
    }
    for (stream, text) in pieces where !text.isEmpty {
      await journal.post(
        NewEvent(
          "test_output", topics: topics,
          data: [
            "test_id": .string(test.id), "result_id": .string(result.id), "stream": .string(stream.rawValue),
            "text": .string(text),
          ]))
    }
  }

  /// How many bytes at the end are the beginning of a character (Unicode, table 3-7).
  static func incomplete(_ bytes: [UInt8]) -> Int {
    for length in 1...3 where length <= bytes.count {
      let byte = bytes[bytes.count - length]
      if byte & 0xC0 == 0x80 { continue }
      let wanted = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1
      return wanted > length && byte < 0xF8 ? length : 0
    }
    return 0
  }
}
