import EventLog
import JSON
import Server
import Services
import Synchronization
import WebSocket

/// One client of `/ws`: reads its requests and sends it the events of its topics.
struct TopicSocket: Sendable {
  private let journal: Journal
  private let socket: WebSocketConnection
  private let gate: RouteGate
  private let caller: Caller
  private let subscriptions = Subscriptions()

  /// Most topics of one connection.
  static let topicLimit = 100

  /// The topics that a connection follows.
  private final class Subscriptions: Sendable {
    private let state = Mutex<[String: Subscription]>([:])

    /// Keeps a subscription; false when there are too many.
    func put(_ subscription: Subscription) -> Bool {
      state.withLock { state in
        guard state.count < TopicSocket.topicLimit || state[subscription.topic] != nil else { return false }
        // Subscribing again starts anew, from the number that is given now.
        state.updateValue(subscription, forKey: subscription.topic)?.cancel()
        return true
      }
    }

    func remove(_ topic: String) { state.withLock { $0.removeValue(forKey: topic) }?.cancel() }

    func removeAll() {
      for subscription in state.withLock({ $0.values }) { subscription.cancel() }
    }
  }

  init(journal: Journal, socket: WebSocketConnection, gate: RouteGate, caller: Caller) {
    self.journal = journal
    self.socket = socket
    self.gate = gate
    self.caller = caller
  }

  /// Serves the client until it closes or breaks off.
  func run() async throws {
    defer { subscriptions.removeAll() }
    try await withThrowingDiscardingTaskGroup { group in
      while let event = try await socket.receive() {
        guard case .text(let text) = event, let message = try? JSONParser.parse(text), message.object != nil else {
          try await refuse("a message must be a JSON object in a text frame", code: "bad_message")
          continue
        }
        guard let subscription = try await take(message) else { continue }
        group.addTask { try await Self.pump(subscription, to: socket) }
      }
      group.cancelAll()
      subscriptions.removeAll()
    }
  }

  /// Answers one request; a new subscription has to be pumped.
  private func take(_ message: JSONValue) async throws -> Subscription? {
    switch message["type"]?.string {
    case "ping": try await send(["type": "pong"])
    case "subscribe": return try await subscribe(message)
    case "unsubscribe":
      guard let topic = Self.topic(of: message) else { return try await refuseTopic() }
      subscriptions.remove(topic)
      try await send(["type": "unsubscribed", "topic": .string(topic)])
    default: try await refuse("type must be subscribe, unsubscribe or ping", code: "bad_type")
    }
    return nil
  }

  private func subscribe(_ message: JSONValue) async throws -> Subscription? {
    guard let topic = Self.topic(of: message) else { return try await refuseTopic() }
    let after = message["after"] ?? nil
    guard after.isNull || after.integer.map({ $0 >= 0 }) == true else {
      try await refuse("after must be the seq of an event, or be left out", code: "bad_after")
      return nil
    }
    guard try await gate.sees(topic: topic, caller) else {
      try await refuse("there is no topic '\(topic)'", code: "unknown_topic")
      return nil
    }
    let subscription = Subscription.start(journal, topic: topic, after: after.integer)
    guard subscriptions.put(subscription) else {
      subscription.cancel()
      try await refuse("a connection may follow \(Self.topicLimit) topics", code: "too_many_topics")
      return nil
    }
    var answer: [(String, JSONValue)] = [("type", "subscribed"), ("topic", .string(topic))]
    if let project = message["project_id"]?.string { answer.append(("project_id", .string(project))) }
    answer.append(("seq", .integer(subscription.cursor)))
    try await send(.object(JSONObject(answer)))
    return subscription
  }

  private static func topic(of message: JSONValue) -> String? {
    let topic = message["topic"]?.string ?? message["project_id"]?.string.map(Topic.project)
    return topic.flatMap { Topic.isWellFormed($0) ? $0 : nil }
  }

  /// Sends what a subscription delivers until it ends.
  static func pump(_ subscription: Subscription, to socket: isolated WebSocketConnection) async throws {
    try await subscription.forEach { delivery in
      switch delivery {
      case .resync(let next):
        try await socket.send(.text, TopicSnapshot.resync(topic: subscription.topic, next: next).encodedBytes)
      case .events(let events):
        guard let frames = frames(of: events, as: socket.sharedForm) else {
          for event in events { try await socket.send(.text, event.json) }
          return
        }
        try await socket.send(shared: frames)
      }
    }
  }

  /// Events in the form that is encoded, and compressed, once for all connections; nil when this one takes none.
  private static func frames(of events: [LogEvent], as form: WebSocketConnection.SharedForm) -> [UInt8]? {
    let encoded: [[UInt8]]
    switch form {
    case .plain: encoded = events.map { $0.encoded(as: .webSocket) { FrameEncoder.frame(.text, $0.json) } }
    case .compressed:
      encoded = events.map { $0.encoded(as: .compressedWebSocket) { MessageCompressor.compressAlone(.text, $0.json) } }
    case .none: return nil
    }
    return encoded.joinedBytes
  }

  private func send(_ value: JSONValue) async throws { try await socket.send(.text, value.encodedBytes) }

  private func refuse(_ message: String, code: String) async throws {
    try await send(["type": "error", "code": .string(code), "message": .string(message)])
  }

  private func refuseTopic() async throws -> Subscription? {
    try await refuse("topic must be KIND:ID, for example project:ID", code: "bad_topic")
    return nil
  }
}
