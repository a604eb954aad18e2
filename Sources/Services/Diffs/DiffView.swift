import Git
package import JSON
package import Store

/// How a diff looks to a client.
package enum DiffView {
  /// The fields of the wire format.
  package static func json(_ diff: DiffRecord) -> JSONValue {
    [
      "id": .string(diff.id), "session_id": JSONValue(diff.sessionId), "project_id": .string(diff.projectId),
      "base_commit": .string(diff.baseCommit), "target_branch": .string(diff.targetBranch),
      "diff_content": .string(diff.diffContent), "status": .string(diff.status.rawValue),
      "merge_status": .string(diff.mergeStatus.rawValue), "merge_conflicts": .encoded(diff.mergeConflicts),
      "test_results": diff.testResults.map { .encoded($0) } ?? .null, "tests_run_at": JSONValue(diff.testsRunAt),
      "tested_tree": JSONValue(diff.testedTree), "proposal_tree": .string(diff.proposalTree),
      "vibecoder_prompt": .string(diff.vibecoderPrompt), "evaluator_reasoning": .string(diff.evaluatorReasoning),
      "commit_message": .string(diff.commitMessage), "human_feedback": JSONValue(diff.humanFeedback),
      "committed_sha": JSONValue(diff.committedSha), "parent_diff_id": JSONValue(diff.parentDiffId),
      "trace_id": JSONValue(diff.traceId), "created_at": .string(diff.createdAt),
      "updated_at": .string(diff.updatedAt),
    ]
  }

  /// The data of a `diff_created` event.
  static func created(_ diff: DiffRecord) -> JSONValue {
    [
      "diff_id": .string(diff.id), "commit_message": .string(diff.commitMessage),
      "session_id": JSONValue(diff.sessionId), "git_commit": .string(diff.baseCommit),
      "status": .string(diff.status.rawValue), "merge_status": .string(diff.mergeStatus.rawValue),
      "trace_id": JSONValue(diff.traceId),
    ]
  }

  /// The data of a `diff.updated` event.
  static func updated(_ diff: DiffRecord) -> JSONValue {
    [
      "diff_id": .string(diff.id), "session_id": JSONValue(diff.sessionId), "status": .string(diff.status.rawValue),
      "merge_status": .string(diff.mergeStatus.rawValue), "merge_conflicts": .encoded(diff.mergeConflicts),
      "human_feedback": JSONValue(diff.humanFeedback), "committed_sha": JSONValue(diff.committedSha),
    ]
  }
}

extension DiffRecord {
  /// Takes over how the diff goes together with the head's tree.
  mutating func apply(_ merge: MergeResult, headTree: ObjectID) {
    switch merge {
    case .clean(let tree):
      mergeStatus = tree == headTree ? .applied : .clean
      mergeConflicts = "[]"
    case .conflicting(let paths):
      mergeStatus = .conflicting
      mergeConflicts = JSONValue.array(paths.map { .string($0) }).encodedText
    }
  }

  /// Where its events are read.
  var topics: [String] {
    [Topic.project(projectId), Topic.diff(id)] + (sessionId.map { [Topic.session($0)] } ?? [])
  }
}
