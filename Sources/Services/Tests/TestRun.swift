import Foundation
package import JSON
import Platform
import Sandbox
package import Store

/// One run of a test, and within which bounds.
package struct TestRun: Sendable {
  /// The test.
  package let test: TestCaseRecord
  /// What came of it.
  package let result: TestResultRecord
  private let policy: SandboxPolicy

  init(test: TestCaseRecord, result: TestResultRecord, policy: SandboxPolicy) {
    self.test = test
    self.result = result
    // Its bounds are all that is told: many runs are held at once.
    var bounds = policy
    (bounds.files, bounds.input) = ([], [])
    self.policy = bounds
  }

  /// The fields of the wire format.
  package var json: JSONValue {
    guard case .object(var object) = TestResultView.json(result, test) else { return .null }
    object["limits"] = [
      "wall_ms": JSONValue(policy.wallTime?.wholeMilliseconds),
      "cpu_ms": JSONValue(policy.processorTime?.wholeMilliseconds), "memory_bytes": .integer(policy.memoryBytes),
      "output_bytes": .integer(policy.outputBytes), "processes": .integer(policy.processes),
      "file_bytes": .integer(policy.fileBytes),
    ]
    return .object(object)
  }

  /// The data of `test_completed`.
  var event: JSONValue {
    [
      "test_id": .string(test.id), "result_id": .string(result.id), "diff_id": JSONValue(result.diffId),
      "test_name": .string(test.name), "status": .string(result.status.rawValue),
      "output": TestResultView.json(result.output), "error": TestResultView.json(result.error),
      "limit": JSONValue(result.limitHit),
      "execution_time_ms": JSONValue(result.executionTimeMs), "trace_id": JSONValue(result.traceId),
    ]
  }
}

/// How a run of a test looks to a client.
package enum TestResultView {
  /// The fields of the wire format that are stored.
  package static func json(_ result: TestResultRecord, _ test: TestCaseRecord) -> JSONValue {
    [
      "id": .string(result.id), "test_id": .string(test.id), "test_name": .string(test.name),
      "project_id": .string(test.projectId), "diff_id": JSONValue(result.diffId), "tree": JSONValue(result.tree),
      "status": .string(result.status.rawValue), "output": json(result.output),
      "error": json(result.error), "exit_code": JSONValue(result.exitCode), "signal": JSONValue(result.signal),
      "limit": JSONValue(result.limitHit), "execution_time_ms": JSONValue(result.executionTimeMs),
      "cpu_time_ms": JSONValue(result.cpuTimeMs), "max_rss_bytes": JSONValue(result.maxRssBytes),
      "output_truncated": .bool(result.outputTruncated), "trace_id": JSONValue(result.traceId),
      "sandbox": ["missing": .encoded(result.missingFeatures)], "created_at": .string(result.createdAt),
    ]
  }

  static func json(_ text: String?) -> JSONValue { text.map { .encoded($0) } ?? .null }

  /// `{status, passed, failed, error, timeout, results}` of several runs.
  package static func summary(_ runs: [TestRun]) -> JSONValue {
    var members: [(String, JSONValue)] = [
      ("status", .string(runs.allSatisfy { $0.result.status == .passed } ? "passed" : "failed"))
    ]
    for status in TestResultRecord.Status.allCases {
      members.append((status.rawValue, .integer(runs.count { $0.result.status == status })))
    }
    members.append(("results", .array(runs.map(\.json))))
    return .object(JSONObject(members))
  }
}

extension TestResultRecord {
  /// How the runner says why a test was not run, or did not come to its end: by both, so that a test which merely exits
  /// with the status or prints the words is not taken for it.
  private static let cannotLoad = (status: 70, words: "cannot be loaded, so the test was not run\n")
  private static let outOfMemory = (status: 71, words: "MemoryError\n")

  /// Takes over how the sandbox ended.
  mutating func take(_ sandboxed: SandboxResult, missing: SandboxFeatures) {
    let verdict = SandboxVerdict(sandboxed)
    status = Status(rawValue: verdict.status.rawValue) ?? .error
    limitHit = verdict.limit?.rawValue
    switch sandboxed.end {
    case .exited(let code): exitCode = code
    case .signalled(let number): signal = number
    }
    let errors = String(decoding: sandboxed.errors, as: UTF8.self)
    if exitCode == Self.cannotLoad.status, errors.hasSuffix(Self.cannotLoad.words) { status = .error }
    if exitCode == Self.outOfMemory.status, errors.hasSuffix(Self.outOfMemory.words) {
      (status, limitHit) = (.error, SandboxResult.Limit.memory.rawValue)
    }
    let reason = reason(sandboxed)
    output = Self.encoded(String(decoding: sandboxed.output, as: UTF8.self))
    error = Self.encoded(
      errors.isEmpty || errors.hasSuffix("\n") || reason.isEmpty ? errors + reason : "\(errors)\n\(reason)")
    executionTimeMs = sandboxed.wallTime.wholeMilliseconds
    cpuTimeMs = sandboxed.processorMicroseconds / 1000
    maxRssBytes = sandboxed.peakBytes
    outputTruncated = sandboxed.isOutputCut
    missingFeatures = JSONValue.array(missing.names.map { .string($0) }).encodedText
    updatedAt = Timestamp.now.text
  }

  /// Takes secrets out of what the test printed.
  mutating func redact(_ redactor: Redactor) {
    output = output.map(redactor.redact)
    error = error.map(redactor.redact)
  }

  /// As a JSON string: SQLite's texts end at a NUL, and a test may print one.
  private static func encoded(_ text: String) -> String { JSONValue.string(text).encodedText }

  /// Why it was ended, one sentence, or nothing when it ended by itself.
  private func reason(_ sandboxed: SandboxResult) -> String {
    if sandboxed.isLost { return "The test's supervisor was killed; nothing more is known of it." }
    switch (status, limitHit) {
    case (.timeout, "wall"?): return "The test was ended at its time limit."
    case (.timeout, _): return "The test was ended at its limit of processor time."
    case (.error, "memory"?): return "The test ran into its memory limit."
    case (.error, "output"?): return "The test was ended because it wrote without end."
    case (.error, "signal"?): return "The test was ended by signal \(signal ?? 0)."
    case (.error, let limit?): return "The test was ended at its limit of \(limit)."
    default: return sandboxed.isOutputCut ? "The output was cut: only its beginning is kept." : ""
    }
  }
}

extension Duration {
  /// Whole milliseconds.
  var wholeMilliseconds: Int { Int(self / .milliseconds(1)) }
}
