package import JSON
package import Store

/// How a message looks to a client.
package enum MessageView {
  /// The fields of a session's history.
  package static func json(_ record: MessageRecord) -> JSONValue {
    .object(
      JSONObject(
        head(record) + [
          ("input", encoded(record.input)), ("new_items", encoded(record.newItems)),
          ("final_output", JSONValue(record.finalOutput)), ("final_output_typed", encoded(record.finalOutputTyped)),
          ("last_agent", JSONValue(record.lastAgent)), ("tool_calls", encoded(record.toolCalls)),
          ("tool_outputs", encoded(record.toolOutputs)), ("handoffs", encoded(record.handoffs)),
          ("usage_input_tokens", JSONValue(record.usageInputTokens)),
          ("usage_output_tokens", JSONValue(record.usageOutputTokens)),
          ("usage_total_tokens", JSONValue(record.usageTotalTokens)),
          ("usage_cached_tokens", JSONValue(record.usageCachedTokens)),
          ("usage_reasoning_tokens", JSONValue(record.usageReasoningTokens)),
          ("stream_event_type", JSONValue(record.streamEventType)),
          ("stream_sequence", JSONValue(record.streamSequence)), ("event_data", encoded(record.eventData)),
          ("content", JSONValue(record.content)), ("iteration", JSONValue(record.iteration)),
          ("openai_response", encoded(record.openaiResponse)), ("token_usage", encoded(record.tokenUsage)),
          ("diff_id", JSONValue(record.diffId)), ("last_response_id", JSONValue(record.lastResponseId)),
          ("trace_id", JSONValue(record.traceId)),
        ] + times(record)))
  }

  /// The fields of one message with the provider's response in full.
  package static func full(_ record: MessageRecord) -> JSONValue {
    [
      "id": .string(record.id), "session_id": .string(record.sessionId), "role": .string(record.role),
      "content": JSONValue(record.content), "openai_response": encoded(record.openaiResponse),
      "token_usage": encoded(record.tokenUsage), "diff_id": JSONValue(record.diffId),
      "created_at": .string(record.createdAt), "last_response_id": JSONValue(record.lastResponseId),
      "trace_id": JSONValue(record.traceId), "model": JSONValue(record.model), "cost_usd": JSONValue(record.costUsd),
      "latency_ms": JSONValue(record.latencyMs), "iteration": JSONValue(record.iteration),
      "agent": JSONValue(record.agent),
    ]
  }

  /// The data of a `conversation_message` event.
  static func event(_ record: MessageRecord, patchPreview: String? = nil) -> JSONValue {
    .object(
      JSONObject(
        [("message_id", .string(record.id)), ("request_id", .string(record.requestId))] + head(record).dropFirst() + [
          ("content", JSONValue(record.content)), ("stream_event_type", JSONValue(record.streamEventType)),
          ("stream_sequence", JSONValue(record.streamSequence)), ("event_data", encoded(record.eventData)),
          ("tool_calls", encoded(record.toolCalls)), ("tool_outputs", encoded(record.toolOutputs)),
          ("handoffs", encoded(record.handoffs)), ("usage_input_tokens", JSONValue(record.usageInputTokens)),
          ("usage_output_tokens", JSONValue(record.usageOutputTokens)),
          ("usage_total_tokens", JSONValue(record.usageTotalTokens)),
          ("usage_cached_tokens", JSONValue(record.usageCachedTokens)),
          ("usage_reasoning_tokens", JSONValue(record.usageReasoningTokens)),
          ("iteration", JSONValue(record.iteration)), ("token_usage", encoded(record.tokenUsage)),
          ("patch_preview", JSONValue(patchPreview)), ("diff_id", JSONValue(record.diffId)),
          ("trace_id", JSONValue(record.traceId)), ("created_at", .string(record.createdAt)),
        ]))
  }

  private static func head(_ record: MessageRecord) -> [(String, JSONValue)] {
    [
      ("id", .string(record.id)), ("session_id", .string(record.sessionId)), ("role", .string(record.role)),
      ("message_type", .string(record.messageType)), ("agent", JSONValue(record.agent)),
    ]
  }

  private static func times(_ record: MessageRecord) -> [(String, JSONValue)] {
    [("created_at", .string(record.createdAt)), ("updated_at", .string(record.updatedAt))]
  }

  private static func encoded(_ text: String?) -> JSONValue { text.map { .encoded($0) } ?? .null }
}
