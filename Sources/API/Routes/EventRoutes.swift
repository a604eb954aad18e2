import EventLog
import HTTP
import HTTPTypes
import JSON
import Server
import Services

/// The event log as server-sent events and over WebSocket.
enum EventRoutes {
  /// The number in `Last-Event-ID`, or nil without one.
  ///
  /// What is no number of ours is one that the log does not hold, so that its reader is told to read a snapshot and
  /// misses nothing.
  private static func lastEventID(_ call: Call) -> Int? {
    guard let text = call.request.head.fields["last-event-id"], !text.isEmpty else { return nil }
    guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return -1 }
    return Int(text) ?? -1
  }

  static func all(_ parts: WebAPI.Parts, _ configuration: APIConfiguration, _ gate: RouteGate) -> [Route] {
    let journal = parts.projects.journal
    return [
      Route(
        method: .get, path: "/events", id: "streamEvents", area: "events",
        summary: "Follow a topic as server-sent events",
        about: """
          Topics are KIND:ID with the kinds \(Topic.kinds.joined(separator: ", ")). Each event has its number as `id`; \
          a client that comes back with Last-Event-ID or `after` gets all that it missed. after=0 begins with the \
          oldest event that is kept; without it only new events come. `resync` means that the number is not in the log.
          """,
        parameters: [
          .init(name: "topic", schema: .string(minimum: 1, maximum: 160), about: "The topic."),
          .init(name: "after", schema: .integer(minimum: 0), about: "The number of the last event that was seen."),
        ], answers: [.text("text/event-stream", "The events.")], isAtRoot: false
      ) { call in
        guard let topic = call.query["topic"]?.string, Topic.isWellFormed(topic) else {
          throw ServiceError(.invalid, "topic must be KIND:ID, for example project:ID", location: ["query", "topic"])
        }
        guard try await gate.sees(topic: topic, call.caller) else {
          throw ServiceError(.notFound, "there is no topic '\(topic)'")
        }
        return EventStreamResponse.make(
          journal, topic: topic, after: lastEventID(call) ?? call.query["after"]?.integer, configuration: configuration)
      },
      Route(
        method: .get, path: "/ws", id: "openWebSocket", area: "events", summary: "Follow topics over WebSocket",
        about: """
          JSON text messages. In: {"type":"subscribe","topic":"project:ID","after":SEQ}, or with "project_id" instead \
          of "topic"; {"type":"unsubscribe","topic":T}; {"type":"ping"}. Out: events {"seq","topic","event","data",\
          "at"}, and answers {"type":"subscribed"|"unsubscribed"|"pong"|"resync"|"error"}.
          """,
        answers: [.empty(.switchingProtocols, "A WebSocket.")], problems: [.upgradeRequired]
      ) { call in
        let caller = call.caller
        return try .webSocket(call.request.head) { socket in
          try await TopicSocket(journal: journal, socket: socket, gate: gate, caller: caller).run()
        }
      },
    ]
  }
}
