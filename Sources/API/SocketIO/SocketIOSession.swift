import EventLog
import JSON
import Platform
import Services
import SocketIO

/// One client of Socket.IO, whatever connections it comes by.
///
///     polling -> probing (a WebSocket said "2probe") -> WebSocket (it said "5")
///        \-> WebSocket from the start
///     any -> closed
///
/// What is to be sent waits in a bounded queue that the transport at hand empties; a reader that is too slow holds up
/// its own subscriptions only, which then read on in the log.
actor SocketIOSession {
  nonisolated let id = UUIDv7.make()
  private let server: SocketIOServer
  private let projectID: String?
  private var outbound: [EngineIOPacket] = []
  private var outboundBytes = 0
  private var takers: [CheckedContinuation<Void, Never>] = []
  private var givers: [CheckedContinuation<Void, Never>] = []
  private var decoder = SocketIODecoder()
  private var socketID: String?
  private var subscriptions: [String: Subscription] = [:]
  private let arrivals = AsyncStream.makeStream(of: (Subscription, projectID: String).self)
  private var isAwaitingPong = false
  private(set) var isClosed = false
  private(set) var isPolling = false
  private var isProbing = false
  private(set) var hasWebSocket = false

  /// Bytes that may wait for the transport before subscriptions are held up.
  private static let outboundLimit = 256 * 1024
  private static let connectTimeout: Duration = .seconds(45)

  init(server: SocketIOServer, projectID: String?) {
    self.server = server
    self.projectID = projectID
  }

  /// Lives until the session is closed: pings, heartbeats and subscriptions.
  func run() async {
    await withDiscardingTaskGroup { group in
      group.addTask { await self.keepAlive() }
      group.addTask { await self.beat() }
      group.addTask { await self.awaitConnect() }
      for await (subscription, projectID) in arrivals.stream {
        group.addTask { await self.pump(subscription, projectID: projectID) }
      }
      group.cancelAll()
    }
    close()
  }

  /// Ends the session; what waits is still taken by the transport.
  func close() {
    guard !isClosed else { return }
    enqueue(.close)
    isClosed = true
    arrivals.continuation.finish()
    for subscription in subscriptions.values { subscription.cancel() }
    subscriptions = [:]
    wake()
  }

  private func wake() {
    for taker in takers { taker.resume() }
    for giver in givers { giver.resume() }
    (takers, givers) = ([], [])
  }

  private func enqueue(_ packet: EngineIOPacket) {
    outbound.append(packet)
    if case .message(let text) = packet { outboundBytes += text.utf8.count }
    for taker in takers { taker.resume() }
    takers = []
  }

  private func send(_ packet: SocketIOPacket) { enqueue(.message(packet.text)) }

  private func emit(_ name: String, _ data: JSONValue) { send(.event(name, data)) }

  /// Waits until the transport has taken enough of what waits.
  private func awaitRoom() async {
    while outboundBytes > Self.outboundLimit, !isClosed { await withCheckedContinuation { givers.append($0) } }
  }
}

extension SocketIOSession {
  /// What is to be sent next, waiting for it; empty when the session is closed and all was taken.
  private func take() async -> [EngineIOPacket] {
    while outbound.isEmpty, !isClosed { await withCheckedContinuation { takers.append($0) } }
    defer {
      outbound = []
      outboundBytes = 0
      for giver in givers { giver.resume() }
      givers = []
    }
    return outbound
  }

  /// The payload that answers a poll; nil when another poll waits already, which ends the session.
  func poll() async -> String? {
    guard !isPolling else {
      close()
      return nil
    }
    if isProbing, outbound.isEmpty { enqueue(.noop) }
    isPolling = true
    defer { isPolling = false }
    let packets = await take()
    return EngineIOPacket.payload(packets.isEmpty ? [.close] : packets)
  }

  /// What the WebSocket of the session sends next; nil at its end.
  func nextForWebSocket() async -> [EngineIOPacket]? {
    let packets = await take()
    return packets.isEmpty ? nil : packets
  }

  /// A WebSocket asks to take over; a poll that waits is answered, so that the client can leave it.
  func beginProbe() {
    isProbing = true
    if isPolling { enqueue(.noop) }
  }

  /// The WebSocket went away before it took over.
  func endProbe() { isProbing = false }

  /// The session goes on over its WebSocket; false when it has one already, or is closed.
  func attachWebSocket() -> Bool {
    guard !hasWebSocket, !isClosed else { return false }
    isProbing = false
    hasWebSocket = true
    return true
  }

  /// Waits for all that the transport has to send before it goes, and lets a poll that still waits go.
  private func keepAlive() async {
    while await sleep(server.configuration.socketIOPing) {
      isAwaitingPong = true
      enqueue(.ping(""))
      guard await sleep(server.configuration.socketIOTimeout, unless: { !self.isAwaitingPong }) else { return }
      if isAwaitingPong { return close() }
    }
  }

  /// Sleeps unless the session ends, which is false; ends early, a tenth of a second late at most, when `isDone`.
  private func sleep(_ duration: Duration, unless isDone: () -> Bool = { false }) async -> Bool {
    let end = ContinuousClock.now.advanced(by: duration)
    while ContinuousClock.now < end {
      if isDone() { return !isClosed }
      let rest = ContinuousClock.now.duration(to: end)
      do { try await Task.sleep(for: min(rest, .milliseconds(100))) } catch { return false }
      if isClosed { return false }
    }
    return true
  }

  private func beat() async {
    while await sleep(server.configuration.socketIOHeartbeat) {
      guard socketID != nil else { continue }
      var data: [(String, JSONValue)] = [
        ("server_time", .string(Timestamp.now.text)), ("status", "alive"), ("connections", .integer(server.count)),
      ]
      if subscriptions.count == 1, let project = subscriptions.keys.first {
        data.append(("project_id", .string(project)))
      }
      emit("heartbeat", .object(JSONObject(data)))
    }
  }

  private func awaitConnect() async {
    if await sleep(Self.connectTimeout, unless: { self.socketID != nil }), socketID == nil { close() }
  }

  /// Sends the events of a project; each has its number as `seq` beside its own members.
  private func pump(_ subscription: Subscription, projectID: String) async {
    // A database that cannot be read ends the session, and the client comes back.
    while let delivery = try? await subscription.next() {
      switch delivery {
      case .resync(let next): emit("resync", TopicSnapshot.resync(topic: subscription.topic, next: next))
      case .events(let events):
        for event in events {
          enqueue(.message(String(decoding: event.encoded(as: .socketIO, Self.encode), as: UTF8.self)))
        }
      }
      await awaitRoom()
    }
    if subscriptions[projectID] === subscription { close() }
  }

  private static func encode(_ event: LogEvent) -> [UInt8] {
    var data = event.data
    if case .object(var object) = data {
      object["seq"] = .integer(event.seq)
      data = .object(object)
    }
    return Array(SocketIOPacket.event(event.name, data).text.utf8)
  }
}

extension SocketIOSession {
  /// Takes a packet of the client.
  ///
  /// - Throws: `SocketIOError` when the session must end.
  func receive(_ packet: EngineIOPacket) async throws(SocketIOError) {
    switch packet {
    case .pong: isAwaitingPong = false
    case .close: close()
    case .message(let text):
      if let packet = try decoder.receive(text) { try await receive(packet) }
    case .binary(let bytes):
      if let packet = try decoder.receive(binary: bytes) { try await receive(packet) }
    case .open, .ping, .upgrade, .noop: break
    }
  }

  private func receive(_ packet: SocketIOPacket) async throws(SocketIOError) {
    guard packet.namespace == "/" else {
      guard packet.kind == .connect else { return close() }
      let refusal = SocketIOPacket(.connectError, namespace: packet.namespace, data: ["message": "Invalid namespace"])
      return send(refusal)
    }
    guard packet.kind == .connect || socketID != nil else { return close() }
    switch packet.kind {
    case .connect: await connect()
    case .disconnect: close()
    case .event, .binaryEvent: await answer(packet)
    case .acknowledgement, .binaryAcknowledgement, .connectError: break
    }
  }

  private func connect() async {
    guard socketID == nil else { return close() }
    let socketID = UUIDv7.make()
    self.socketID = socketID
    send(SocketIOPacket(.connect, data: ["sid": .string(socketID)]))
    emit("connected", ["sid": .string(socketID)])
    if let projectID { _ = await join(["project_id": .string(projectID)]) }
  }

  /// Answers an event of the client, and acknowledges it when that is asked for.
  private func answer(_ packet: SocketIOPacket) async {
    guard let event = packet.data?.array, let name = event.first?.string else { return }
    let argument = event.count > 1 ? event[1] : .null
    var result: JSONValue?
    switch name {
    case "subscribe", "join_project": result = await join(argument)
    case "leave_project", "unsubscribe": result = leave(argument)
    default: break
    }
    guard let id = packet.id else { return }
    send(SocketIOPacket(.acknowledgement, id: id, data: .array(result.map { [$0] } ?? [])))
  }

  private func join(_ argument: JSONValue) async -> JSONValue {
    guard let project = argument["project_id"]?.string ?? argument.string, !project.isEmpty else {
      return refuse("project_id required")
    }
    let after = argument["after"] ?? nil
    guard after.isNull || after.integer.map({ $0 >= 0 }) == true else {
      return refuse("after must be the seq of an event, or be left out")
    }
    guard (try? await server.projects.project(project)) != nil else { return refuse("Project not found") }
    guard subscriptions.count < TopicSocket.topicLimit || subscriptions[project] != nil else {
      return refuse("a session may follow \(TopicSocket.topicLimit) projects")
    }
    guard !isClosed else { return .null }
    let subscription = Subscription.start(server.journal, topic: Topic.project(project), after: after.integer)
    let previous = subscriptions.updateValue(subscription, forKey: project)
    previous?.cancel()
    let answer: JSONValue = [
      "project_id": .string(project), "sid": JSONValue(socketID), "seq": .integer(subscription.cursor),
    ]
    emit("subscribed", answer)
    arrivals.continuation.yield((subscription, project))
    return answer
  }

  private func leave(_ argument: JSONValue) -> JSONValue {
    guard let project = argument["project_id"]?.string ?? argument.string else { return refuse("project_id required") }
    subscriptions.removeValue(forKey: project)?.cancel()
    return ["project_id": .string(project)]
  }

  private func refuse(_ message: String) -> JSONValue {
    emit("error", ["message": .string(message)])
    return ["error": .string(message)]
  }
}
