/// The named shapes of answers, and the events.
enum Schemas {
  /// Every named shape.
  static let all: [(name: String, schema: Schema)] = [
    ("Project", project), ("Session", session), ("Message", message), ("FullMessage", fullMessage),
    ("MessageResult", messageResult), ("Diff", diff), ("Preview", preview), ("Committed", committed),
    ("TestCase", testCase), ("TestResult", testResult), ("TestSummary", testSummary), ("Node", node),
    ("FileEntry", fileEntry),
    ("Commit", commit), ("Problem", problem), ("Health", health),
  ]

  private static let text = Schema.string()
  private static let maybeText = Schema.nullable(.string())
  private static let maybeInteger = Schema.nullable(.integer())
  private static let maybeAny = Schema.nullable(.any)

  private static func fields(_ pairs: [(String, Schema)]) -> Schema { .object(pairs.map { .required($0.0, $0.1) }) }

  private static let project = fields([
    ("id", text), ("name", text), ("slug", text), ("repository_path", text), ("current_code", maybeText),
    ("current_commit", maybeText), ("current_branch", text), ("created_at", text), ("updated_at", text),
  ])

  private static let session = fields([
    ("id", text), ("session_id", text), ("project_id", text), ("openai_session_key", text),
    ("conversations_db_path", text), ("session_type", .string(values: ["global", "node", "vibecode"])),
    ("node_id", maybeText), ("forked_from", maybeText), ("created_at", text), ("updated_at", text),
  ])

  private static let message = fields([
    ("id", text), ("session_id", text), ("role", .string(values: ["user", "assistant", "system"])),
    ("message_type", .string(values: ["user_input", "run_result", "stream_event"])), ("agent", maybeText),
    ("input", maybeAny), ("new_items", maybeAny), ("final_output", maybeText), ("final_output_typed", maybeAny),
    ("last_agent", maybeText), ("tool_calls", maybeAny), ("tool_outputs", maybeAny), ("handoffs", maybeAny),
    ("usage_input_tokens", maybeInteger), ("usage_output_tokens", maybeInteger), ("usage_total_tokens", maybeInteger),
    ("usage_cached_tokens", maybeInteger), ("usage_reasoning_tokens", maybeInteger), ("stream_event_type", maybeText),
    ("stream_sequence", maybeInteger), ("event_data", maybeAny), ("content", maybeText), ("iteration", maybeInteger),
    ("openai_response", maybeAny), ("token_usage", maybeAny), ("diff_id", maybeText), ("last_response_id", maybeText),
    ("trace_id", maybeText), ("created_at", text), ("updated_at", text),
  ])

  private static let fullMessage = fields([
    ("id", text), ("session_id", text), ("role", text), ("content", maybeText), ("openai_response", maybeAny),
    ("token_usage", maybeAny), ("diff_id", maybeText), ("created_at", text), ("last_response_id", maybeText),
    ("trace_id", maybeText), ("model", maybeText), ("cost_usd", .nullable(.number)), ("latency_ms", maybeInteger),
    ("iteration", maybeInteger), ("agent", maybeText),
  ])

  private static let messageResult = fields([
    ("session_id", text), ("message_id", text), ("diff_id", maybeText), ("content", maybeText), ("patch", maybeText),
    ("diff", maybeText),
    (
      "token_usage",
      fields([("total_tokens", .integer()), ("prompt_tokens", .integer()), ("completion_tokens", .integer())])
    ),
    ("trace_id", text), ("error", maybeText),
  ])

  private static let diff = fields([
    ("id", text), ("session_id", maybeText), ("project_id", text), ("base_commit", text), ("target_branch", text),
    ("diff_content", text),
    ("status", .string(values: ["evaluator_approved", "human_approved", "human_rejected", "committed"])),
    ("merge_status", .string(values: ["clean", "conflicting", "applied"])), ("merge_conflicts", .array(text)),
    ("test_results", maybeAny), ("tests_run_at", maybeText), ("tested_tree", maybeText), ("proposal_tree", text),
    ("vibecoder_prompt", text), ("evaluator_reasoning", text), ("commit_message", text), ("human_feedback", maybeText),
    ("committed_sha", maybeText), ("parent_diff_id", maybeText), ("trace_id", maybeText), ("created_at", text),
    ("updated_at", text),
  ])

  private static let preview = fields([
    ("diff_id", text), ("original_code", text), ("preview_code", text), ("diff_content", text),
    ("commit_message", text),
    (
      "files",
      .array(
        fields([
          ("path", text), ("old_path", text), ("change", text), ("original_code", maybeText),
          ("preview_code", maybeText),
        ]))
    ),
  ])

  private static let committed = fields([("diff_id", text), ("committed_sha", text), ("message", text)])

  private static let testCase = fields([
    ("id", text), ("project_id", text), ("name", text), ("code", text), ("command", maybeText),
    ("quick_test", .boolean), ("created_at", text), ("updated_at", text),
  ])

  private static let testResult = fields([
    ("id", text), ("test_id", text), ("test_name", text), ("project_id", text), ("diff_id", maybeText),
    ("tree", maybeText), ("status", .string(values: ["passed", "failed", "error", "timeout"])), ("output", maybeText),
    ("error", maybeText), ("exit_code", maybeInteger), ("signal", maybeInteger), ("limit", maybeText),
    ("execution_time_ms", maybeInteger), ("cpu_time_ms", maybeInteger), ("max_rss_bytes", maybeInteger),
    ("output_truncated", .boolean), ("trace_id", maybeText), ("sandbox", fields([("missing", .array(text))])),
    ("created_at", text),
  ])

  private static let testSummary = fields([
    ("status", .string(values: ["passed", "failed"])), ("passed", .integer()), ("failed", .integer()),
    ("error", .integer()), ("timeout", .integer()), ("results", .array(.reference("TestResult"))),
  ])

  private static let node = fields([
    ("id", text), ("name", text), ("variable", maybeText), ("kind", .string(values: ["agent", "class"])),
    ("owner", maybeText), ("line_start", .integer()), ("line_end", .integer()), ("column_start", .integer()),
    ("column_end", .integer()), ("byte_start", .integer()), ("byte_end", .integer()), ("char_start", .integer()),
    ("char_end", .integer()), ("instructions", maybeText), ("model", maybeText), ("tools", .array(text)),
    ("handoffs", .array(text)), ("children", .array(text)),
  ])

  private static let fileEntry = fields([
    ("name", text), ("path", text), ("type", .string(values: ["file", "directory", "symlink", "submodule"])),
    ("mode", text), ("sha", text), ("size", maybeInteger),
  ])

  private static let commit = fields([
    ("sha", text), ("message", text), ("author_name", text), ("author_email", text), ("authored_at", text),
    ("parents", .array(text)),
  ])

  private static let health = fields([
    ("status", .string(values: ["healthy", "unhealthy"])), ("timestamp", text), ("version", text),
    ("environment", text), ("region", text), ("app_name", text),
    ("database", .string(values: ["connected", "disconnected"])), ("database_type", text),
  ])

  private static let problem = Schema.object([
    .required("type", text), .required("title", text), .required("status", .integer()), .required("detail", text),
    .required("code", text), .required("instance", text), .required("request_id", text), .optional("message", text),
    .optional("errors", .array(fields([("loc", .array(.any)), ("msg", text), ("type", text)]))),
  ])

  /// The events of the log, for the people who subscribe.
  static let events: [(name: String, topics: [String], about: String)] = [
    ("project.created", ["project"], "A project was made."),
    ("project.updated", ["project"], "A project was renamed."),
    ("project.deleted", ["project"], "A project was removed."),
    ("session.created", ["project"], "A session was started or forked."),
    ("session.deleted", ["project", "session"], "A session was removed."),
    ("conversation_message", ["project", "session"], "A message or a step of the agents."),
    ("message.started", ["project", "session"], "Work on a message began."),
    ("message.resumed", ["project", "session"], "Work on a message was taken up after a restart."),
    ("message.retrying", ["project", "session"], "The model's provider is asked again after a pause."),
    ("message.delta", ["project", "session"], "More text, reasoning or arguments of an item."),
    ("tool_call.started", ["project", "session"], "An agent begins to call a function."),
    ("token_usage", ["project", "session"], "Tokens of one response."),
    ("debug_iteration", ["project", "session"], "A patch and its verdict."),
    ("diff_created", ["project", "session", "diff"], "A diff waits for review."),
    ("message.completed", ["project", "session"], "Work on a message ended; the data is the result."),
    ("message.failed", ["project", "session"], "Work on a message failed; the data is the result."),
    ("message.cancelled", ["project", "session"], "Work on a message was cancelled."),
    ("diff.updated", ["project", "session", "diff"], "A diff's status or merge status changed."),
    ("test_started", ["project", "diff"], "A test begins in the sandbox."),
    ("test_output", ["project", "diff"], "What a running test has printed."),
    ("test_completed", ["project", "diff"], "A test has ended; the data has its verdict."),
    ("code_changed", ["project", "session", "diff"], "A commit changed the project's code."),
    ("code_update", ["project", "session", "diff"], "The entry file's new text."),
  ]
}
