import EventLog
import JSON
import Platform
import Server
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
  let server: SocketIOServer
  let projectID: String?
  /// Who it is, as far as is known.
  var caller: Caller
  private var outbound: [EngineIOPacket] = []
  private var outboundBytes = 0
  private var takers: [CheckedContinuation<Void, Never>] = []
  private var givers: [CheckedContinuation<Void, Never>] = []
  var decoder = SocketIODecoder()
  var socketID: String?
  var subscriptions: [String: Subscription] = [:]
  let arrivals = AsyncStream.makeStream(of: (Subscription, projectID: String).self)
  var isAwaitingPong = false
  private(set) var isClosed = false
  private(set) var isAbandoned = false
  private(set) var isPolling = false
  private var isProbing = false
  private(set) var hasWebSocket = false

  /// Bytes that may wait for the transport before subscriptions are held up.
  private static let outboundLimit = 256 * 1024
  /// Packets of one polling payload: more than 16 are refused by python-engineio.
  private static let payloadPackets = 16
  private static let connectTimeout: Duration = .seconds(45)

  init(server: SocketIOServer, projectID: String?, caller: Caller) {
    self.server = server
    self.projectID = projectID
    self.caller = caller
  }

  /// Whether the client was told that the session is closed, behind all else that it was sent.
  var hasEnded: Bool { isClosed && !isAbandoned && outbound.isEmpty }

  /// Lives until the session is closed: pings, heartbeats and subscriptions.
  func run() async {
    await withDiscardingTaskGroup { group in
      group.addTask { await self.keepAlive() }
      group.addTask { await self.beat() }
      group.addTask { await self.awaitConnect() }
      var isWatched = false
      for await (subscription, projectID) in arrivals.stream {
        if !isWatched, let key = caller.keyID {
          isWatched = true
          group.addTask { await self.awaitEnd(ofKey: key) }
        }
        group.addTask { await self.pump(subscription, projectID: projectID) }
      }
      group.cancelAll()
    }
    close(saySo: !Task.isCancelled)
  }

  /// Ends the session; what waits is still taken by the transport.
  ///
  /// A client that is told so does not come back by itself, so a daemon that stops says nothing.
  func close(saySo: Bool = true) {
    guard !isClosed else { return }
    if saySo { enqueue(.close) } else { isAbandoned = true }
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

  func send(_ packet: SocketIOPacket) { enqueue(.message(packet.text)) }

  func emit(_ name: String, _ data: JSONValue) { send(.event(name, data)) }

  /// Waits until the transport has taken enough of what waits, or the session is closed.
  func awaitRoom() async {
    while outboundBytes > Self.outboundLimit, !isClosed {
      await withCheckedContinuation { continuation in
        let isFull = outboundBytes > Self.outboundLimit && !isClosed
        if isFull { givers.append(continuation) } else { continuation.resume() }
      }
    }
  }
}

extension SocketIOSession {
  /// What is to be sent next, waiting for it; empty when the session is closed and all was taken.
  private func take(_ limit: Int = .max) async -> [EngineIOPacket] {
    while outbound.isEmpty, !isClosed {
      await withCheckedContinuation { continuation in
        if outbound.isEmpty, !isClosed { takers.append(continuation) } else { continuation.resume() }
      }
    }
    let packets = Array(outbound.prefix(limit))
    outbound.removeFirst(packets.count)
    for case .message(let text) in packets { outboundBytes -= text.utf8.count }
    for giver in givers { giver.resume() }
    givers = []
    return packets
  }

  /// Lets a poll wait; false when it may not: another waits already, which ends the session, or a WebSocket took over.
  func beginPoll() -> Bool {
    guard !hasWebSocket else { return false }
    guard !isPolling else {
      close()
      return false
    }
    if isProbing, outbound.isEmpty { enqueue(.noop) }
    isPolling = true
    return true
  }

  /// The payload that answers the poll that waits; nil when the daemon stops.
  ///
  /// A client that goes away meanwhile has lost what it was sent: that ends the session.
  func poll() async -> String? {
    defer { isPolling = false }
    let packets = await withTaskCancellationHandler {
      await take(Self.payloadPackets)
    } onCancel: {
      arrivals.continuation.finish()
    }
    return packets.isEmpty ? nil : EngineIOPacket.payload(packets)
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

  /// Pings, and ends the session when no answer comes in time.
  private func keepAlive() async {
    while await sleep(server.configuration.socketIOPing) {
      isAwaitingPong = true
      enqueue(.ping(""))
      guard await sleep(server.configuration.socketIOTimeout, unless: { !self.isAwaitingPong }) else { return }
      if isAwaitingPong { return close() }
    }
  }

  /// Sleeps unless the session ends, which cancels its tasks and is false.
  private func sleep(_ duration: Duration) async -> Bool {
    do { try await Task.sleep(for: duration) } catch { return false }
    return !isClosed
  }

  /// Sleeps likewise, or until what is waited for has come, which is seen a tenth of a second late at most.
  private func sleep(_ duration: Duration, unless isDone: () -> Bool) async -> Bool {
    let end = ContinuousClock.now.advanced(by: duration)
    while ContinuousClock.now < end, !isDone() {
      let rest = ContinuousClock.now.duration(to: end)
      guard await sleep(min(rest, .milliseconds(100))) else { return false }
    }
    return !isClosed
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

  /// Ends the session when the key does by which it is known.
  private func awaitEnd(ofKey id: String) async {
    await server.gate.keys.untilInvalid(id: id)
    if !Task.isCancelled { close() }
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
