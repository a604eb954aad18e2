package import JSON
import ModelProviders

/// The answer to a message when the work has ended.
package struct MessageResult: Sendable {
  /// `session_id, message_id, diff_id, content, patch, diff, token_usage, trace_id, error`.
  package let json: JSONValue

  /// An answer from its stored form.
  init(json: JSONValue) { self.json = json }

  init(
    sessionID: String, messageID: String, traceID: String, content: String? = nil, diffID: String? = nil,
    patch: String? = nil, usage: TokenUsage = TokenUsage(), error: String? = nil, feedback: String? = nil
  ) {
    var members: [(String, JSONValue)] = [
      ("session_id", .string(sessionID)), ("message_id", .string(messageID)), ("diff_id", JSONValue(diffID)),
      ("content", JSONValue(content)), ("patch", JSONValue(patch)), ("diff", JSONValue(patch)),
      (
        "token_usage",
        [
          "total_tokens": .integer(usage.total), "prompt_tokens": .integer(usage.input),
          "completion_tokens": .integer(usage.output),
        ]
      ), ("trace_id", .string(traceID)), ("error", JSONValue(error)),
    ]
    if let feedback { members.append(("final_feedback", .string(feedback))) }
    json = .object(JSONObject(members))
  }
}
