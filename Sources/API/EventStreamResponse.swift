import EventLog
import HTTP
import HTTPTypes
import JSON
import Server
import Services

/// A topic as `text/event-stream` (WHATWG HTML, section 9.2).
enum EventStreamResponse {
  /// An answer that streams a topic after a number until the client goes away or the daemon stops.
  static func make(_ journal: Journal, topic: String, after: Int?, configuration: APIConfiguration) -> Response {
    let fields = HeaderFields([
      ("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"), ("x-accel-buffering", "no"),
    ])
    return Response(
      .ok, fields: fields,
      body: .stream { writer in
        let subscription = Subscription.start(journal, topic: topic, after: after)
        defer { subscription.cancel() }
        try await writer.write(Array("retry: \(configuration.sseRetryMilliseconds)\n\n".utf8))
        try await withThrowingTaskGroup(of: Void.self) { group in
          group.addTask {
            while true {
              try await Task.sleep(for: configuration.ssePingInterval)
              try await writer.write(Array(": ping\n\n".utf8))
            }
          }
          try await subscription.forEach { try await writer.write(encode($0, topic: topic)) }
          group.cancelAll()
        }
      })
  }

  private static func encode(_ delivery: Subscription.Delivery, topic: String) -> [UInt8] {
    switch delivery {
    case .resync(let next):
      let data = TopicSnapshot.resync(topic: topic, next: next).encodedText
      return Array("event: resync\ndata: \(data)\n\n".utf8)
    case .events(let events): return events.map { $0.encoded(as: .serverSent, encode) }.joinedBytes
    }
  }

  private static func encode(_ event: LogEvent) -> [UInt8] {
    Array("id: \(event.seq)\nevent: \(event.name)\ndata: ".utf8) + event.json + [10, 10]
  }
}

/// Where the state of a topic is read when its events are not in the log any more.
enum TopicSnapshot {
  /// `{"type":"resync","topic","snapshot","seq"}`.
  static func resync(topic: String, next: Int) -> JSONValue {
    let parts = topic.split(separator: ":", maxSplits: 1)
    return [
      "type": "resync", "topic": .string(topic), "snapshot": .string("/api/v1/\(parts[0])s/\(parts.last ?? "")"),
      "seq": .integer(next),
    ]
  }
}
