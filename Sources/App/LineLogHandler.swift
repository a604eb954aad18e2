import Foundation
import JSON
package import Logging
package import Platform
import Server

/// Writes log lines to standard error: for a person on a terminal, otherwise one JSON object a line.
package struct LineLogHandler: LogHandler {
  /// What stands in every line.
  package var metadata: Logger.Metadata = [:]
  /// Lines below it are not written.
  package var logLevel: Logger.Level
  private let label: String
  private let isTerminal: Bool
  private let redactor: Redactor

  /// A handler for the lines of one part of the program, which go through a redactor.
  package init(label: String, level: Logger.Level, isTerminal: Bool, redactor: Redactor = Redactor()) {
    self.label = label
    self.redactor = redactor
    logLevel = level
    self.isTerminal = isTerminal
  }

  /// One entry of `metadata`.
  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  /// Writes one line.
  package func log(event: LogEvent) {
    var known = metadata.merging(event.metadata ?? [:]) { $1 }
    // What is said while a request is worked on names it, whoever says it.
    if known["request_id"] == nil, let id = RequestContext.id { known["request_id"] = "\(id)" }
    let all = known.sorted { $0.key < $1.key }
    let time = Timestamp.now.text
    let line: String
    if isTerminal {
      let details = all.map { " \($0.key)=\($0.value)" }.joined()
      line = "\(time) \(event.level.rawValue) \(label): \(event.message)\(details)"
    } else {
      var members: [(String, JSONValue)] = [
        ("time", .string(time)), ("level", .string(event.level.rawValue)), ("part", .string(label)),
        ("message", .string("\(event.message)")),
      ]
      for (key, value) in all { members.append((key, .string("\(value)"))) }
      line = JSONValue.object(JSONObject(members)).encodedText
    }
    // A log that cannot be written must not stop the daemon.
    try? FileHandle.standardError.write(contentsOf: Data((redactor.redact(line) + "\n").utf8))
  }
}

extension LineLogHandler {
  /// Whether standard error is a terminal.
  static var isTerminal: Bool { isatty(2) == 1 }
}
