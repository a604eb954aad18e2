import EventLog
import JSON
import Platform
import Server
import Services
import SocketIO

extension SocketIOSession {
  /// Takes a packet of the client.
  ///
  /// A message waits until there is room for its answer: who asks and asks and never reads is not listened to.
  ///
  /// - Throws: `SocketIOError` when the session must end.
  func receive(_ packet: EngineIOPacket) async throws(SocketIOError) {
    switch packet {
    case .pong: isAwaitingPong = false
    case .close: close()
    case .message(let text):
      await awaitRoom()
      if let packet = try decoder.receive(text) { try await receive(packet) }
    case .binary(let bytes):
      await awaitRoom()
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
    case .connect: await connect(packet.data)
    case .disconnect: close()
    case .event, .binaryEvent: await answer(packet)
    case .acknowledgement, .binaryAcknowledgement, .connectError: break
    }
  }

  /// Takes a client into the namespace; who it is it may say in the `auth` payload.
  private func connect(_ auth: JSONValue?) async {
    guard socketID == nil else { return close() }
    do {
      if server.gate.keys.isRequired, let key = (auth?["key"] ?? auth?["token"])?.string {
        caller = try await server.authenticator.caller(key: key)
      }
      guard caller.scopes.contains(.read) else {
        throw Authenticator.refusal("key_required", "an access key is needed: send it as auth {key: KEY}")
      }
    } catch {
      let problem = error as? Problem
      let data: JSONValue = [
        "message": .string(problem?.detail ?? "the key cannot be looked up now"),
        "data": ["code": .string(problem?.code ?? "unavailable")],
      ]
      return send(SocketIOPacket(.connectError, data: data))
    }
    guard self.socketID == nil, !isClosed else { return close() }
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
    // What cannot be looked up now is answered like what is not there.
    guard (try? await server.gate.sees(topic: Topic.project(project), caller)) == true,
      (try? await server.projects.project(project)) != nil
    else { return refuse("Project not found") }
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
