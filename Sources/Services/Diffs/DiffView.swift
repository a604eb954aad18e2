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
      "superseded_by": JSONValue(diff.supersededBy),
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
      "superseded_by": JSONValue(diff.supersededBy),
    ]
  }

  /// A hunk by which a part of the diff can be named.
  static func json(_ hunk: FileChange.Hunk) -> JSONValue {
    [
      "number": .integer(hunk.number), "header": .string(hunk.header), "old_start": .integer(hunk.oldStart),
      "old_lines": .integer(hunk.oldLines), "new_start": .integer(hunk.newStart), "new_lines": .integer(hunk.newLines),
    ]
  }

  /// A place at which a change and the head do not go together; `ours` is the head.
  static func json(_ conflict: MergeConflict) -> JSONValue {
    func side(_ side: MergeConflict.Side?) -> JSONValue {
      guard let side else { return .null }
      return ["start": .integer(side.start), "lines": .integer(side.count), "text": .string(side.text)]
    }
    return [
      "path": .string(conflict.path), "kind": .string(conflict.kind.rawValue), "base": side(conflict.base),
      "ours": side(conflict.ours), "theirs": side(conflict.theirs),
    ]
  }
}

extension DiffRecord {
  /// Takes over how the diff fits the head.
  mutating func apply(_ fit: MergeFit) {
    mergeConflicts = "[]"
    switch fit {
    case .clean: mergeStatus = .clean
    case .applied: mergeStatus = .applied
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
