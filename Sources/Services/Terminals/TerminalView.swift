package import JSON
package import Store

/// How a terminal looks to a client.
package enum TerminalView {
  /// The fields of the wire format.
  package static func json(_ record: TerminalRecord) -> JSONValue {
    [
      "id": .string(record.id), "project_id": .string(record.projectId), "command": .encoded(record.command),
      "cols": .integer(record.columns), "rows": .integer(record.rows), "state": .string(record.state.rawValue),
      "exit_code": JSONValue(record.exitCode), "signal": JSONValue(record.signal), "reason": JSONValue(record.reason),
      "written_bytes": .integer(record.writtenBytes), "created_at": .string(record.createdAt),
      "ended_at": JSONValue(record.endedAt),
    ]
  }
}
