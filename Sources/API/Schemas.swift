/// The named shapes of answers, and the events.
enum Schemas {
  /// Every named shape.
  static let all: [(name: String, schema: Schema)] = [
    ("Project", project), ("Template", template), ("Session", session), ("Message", message),
    ("FullMessage", fullMessage),
    ("MessageResult", messageResult), ("Diff", diff), ("ReviewedDiff", reviewedDiff),
    ("RefinedMessage", refinedMessage), ("Preview", preview), ("Committed", committed),
    ("TestCase", testCase), ("TestResult", testResult), ("TestSummary", testSummary), ("Node", node),
    ("FileEntry", fileEntry), ("Terminal", terminal),
    ("Commit", commit), ("GatewayToken", gatewayToken), ("Budget", budget), ("Usage", usage), ("Problem", problem),
    ("Health", health), ("AccessKey", accessKey),
    ("Model", model),
  ]

  private static let text = Schema.string()
  private static let maybeText = Schema.nullable(.string())
  private static let maybeInteger = Schema.nullable(.integer())
  private static let maybeAny = Schema.nullable(.any)

  private static func fields(_ pairs: [(String, Schema)]) -> Schema { .object(pairs.map { .required($0.0, $0.1) }) }

  private static let project = fields([
    ("id", text), ("name", text), ("slug", text), ("repository_path", text), ("current_code", maybeText),
    ("current_commit", maybeText), ("current_branch", text), ("remote_url", maybeText),
    ("github_repository", maybeText), ("pushed_commit", maybeText), ("created_at", text), ("updated_at", text),
  ])

  private static let template = fields([
    ("name", text), ("summary", text), ("files", .array(text)), ("entry", maybeText),
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

  private static let diffFields: [(String, Schema)] = [
    ("id", text), ("session_id", maybeText), ("project_id", text), ("base_commit", text), ("target_branch", text),
    ("diff_content", text),
    ("status", .string(values: ["evaluator_approved", "human_approved", "human_rejected", "committed"])),
    ("merge_status", .string(values: ["clean", "conflicting", "applied"])), ("merge_conflicts", .array(text)),
    ("test_results", maybeAny), ("tests_run_at", maybeText), ("tested_tree", maybeText), ("proposal_tree", text),
    ("vibecoder_prompt", text), ("evaluator_reasoning", text), ("commit_message", text), ("human_feedback", maybeText),
    ("committed_sha", maybeText), ("parent_diff_id", maybeText), ("superseded_by", maybeText),
    ("trace_id", maybeText), ("created_at", text), ("updated_at", text),
  ]

  private static let diff = fields(diffFields)
  private static let reviewedDiff = fields(diffFields + [("message_id", maybeText), ("rest_diff_id", maybeText)])

  private static let refinedMessage = fields([
    ("diff_id", text), ("original_message", text), ("refined_message", text), ("suggestion", text),
  ])

  private static let hunk = fields([
    ("number", .integer()), ("header", text), ("old_start", .integer()), ("old_lines", .integer()),
    ("new_start", .integer()), ("new_lines", .integer()),
  ])

  private static let preview = fields([
    ("diff_id", text), ("original_code", text), ("preview_code", text), ("diff_content", text),
    ("commit_message", text),
    (
      "files",
      .array(
        fields([
          ("path", text), ("old_path", text), ("change", text), ("original_code", maybeText),
          ("preview_code", maybeText), ("hunks", .array(hunk)),
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

  private static let terminal = fields([
    ("id", text), ("project_id", text), ("command", .array(text)), ("cols", .integer()), ("rows", .integer()),
    ("state", .string(values: ["running", "exited", "error"])), ("exit_code", maybeInteger), ("signal", maybeInteger),
    ("reason", maybeText), ("written_bytes", .integer()), ("created_at", text), ("ended_at", maybeText),
  ])

  private static let commit = fields([
    ("sha", text), ("message", text), ("author_name", text), ("author_email", text), ("authored_at", text),
    ("parents", .array(text)),
  ])

  private static let budget = Schema.object([
    .required("max_cost_usd", .nullable(.number)), .required("max_tokens", maybeInteger),
    .required("allow_unpriced_models", .boolean), .optional("spent_cost_usd", .number),
    .optional("spent_tokens", .integer()), .optional("reserved_cost_usd", .number),
    .optional("reserved_tokens", .integer()),
  ])

  private static let gatewayToken = Schema.object([
    .required("id", text), .required("project_id", maybeText), .required("session_id", maybeText),
    .required("run_id", maybeText), .required("job_id", maybeText), .required("expires_at", text),
    .required("revoked_at", maybeText), .required("created_at", text), .required("budget", .reference("Budget")),
    .optional("token", text, "What is sent to the gateway; only in the answer that makes it."),
  ])

  private static let usageSums: [(String, Schema)] = [
    ("calls", .integer()), ("failed_calls", .integer()), ("unpriced_calls", .integer()), ("input_tokens", .integer()),
    ("cached_tokens", .integer()), ("output_tokens", .integer()), ("reasoning_tokens", .integer()),
    ("total_tokens", .integer()), ("cost_usd", .number), ("mean_latency_ms", .nullable(.number)),
  ]

  private static let usage = fields([
    ("group_by", text), ("since", maybeText), ("until", maybeText),
    ("groups", .array(fields([("key", maybeText)] + usageSums))), ("total", fields(usageSums)),
  ])

  private static let health = fields([
    ("status", .string(values: ["healthy", "unhealthy"])), ("timestamp", text), ("version", text),
    ("environment", text), ("region", text), ("app_name", text),
    ("database", .string(values: ["connected", "disconnected"])), ("database_type", text),
  ])

  private static let accessKey = fields([
    ("id", text), ("owner", text), ("prefix", text), ("scopes", .array(text)), ("expires_at", maybeText),
    ("revoked_at", maybeText), ("last_used_at", maybeText), ("daily_requests", maybeInteger),
    ("daily_cost_usd", .nullable(.number)), ("requests_today", .integer()), ("cost_usd_today", .number),
    ("created_at", text),
  ])

  private static let prices = [
    ("input", Schema.number), ("cached_input", .number), ("cache_write", .number), ("cache_write_1h", .number),
    ("output", .number),
  ]

  private static let model = fields([
    ("id", text), ("provider", .string(values: ["openai", "anthropic", "gemini", "embedded"])),
    ("available", .boolean), ("used_for", .array(text)), ("context_window", .integer()),
    (
      "prices",
      .nullable(
        fields(
          [("currency", text)] + prices + [("above", .nullable(fields([("input_tokens", .integer())] + prices)))]))
    ),
  ])

  private static let problem = Schema.object([
    .required("type", text), .required("title", text), .required("status", .integer()), .required("detail", text),
    .required("code", text), .required("instance", text), .required("request_id", text), .optional("message", text),
    .optional("errors", .array(fields([("loc", .array(.any)), ("msg", text), ("type", text)]))),
  ])

  /// The events of the log, for the people who subscribe.
  static let events: [(name: String, topics: [String], about: String)] = [
    ("project.created", ["project"], "A project was made."),
    ("project.progress", ["project"], "How far the clone of a project that is being made has come."),
    ("project.failed", ["project"], "A project could not be made; nothing is left of it."),
    ("project.updated", ["project"], "A project was renamed or pushed."),
    ("project.deleted", ["project"], "A project was removed."),
    ("session.created", ["project"], "A session was started or forked."),
    ("session.deleted", ["project", "session"], "A session was removed."),
    ("conversation_message", ["project", "session"], "A message or a step of the agents."),
    ("message.started", ["project", "session"], "Work on a message began."),
    ("message.resumed", ["project", "session"], "Work on a message was taken up after a restart."),
    ("message.retrying", ["project", "session"], "The model's provider is asked again after a pause."),
    ("memory.compacted", ["project", "session"], "Old turns were shortened, since they no longer fit the model."),
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
    ("terminal.created", ["project", "terminal"], "A terminal was started, or could not be."),
    ("terminal.exited", ["project", "terminal"], "A terminal's program has ended."),
    ("terminal.deleted", ["project", "terminal"], "A terminal was removed."),
    (
      "budget.exhausted", ["project", "session", "run", "job"],
      "A call of a model was not made, since a budget does not reach for it."
    ),
    ("code_changed", ["project", "session", "diff"], "A commit changed the project's code."),
    ("code_update", ["project", "session", "diff"], "The entry file's new text."),
  ]
}
