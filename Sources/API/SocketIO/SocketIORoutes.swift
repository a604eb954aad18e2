import HTTP
import HTTPTypes
import JSON
import Server
import SocketIO
import WebSocket

/// The transports of Engine.IO: long polling by GET and POST, and WebSocket.
enum SocketIORoutes {
  /// The faults of a request, by the numbers of the reference server.
  private enum Fault: Int, Error {
    case unknownTransport, unknownSession, badHandshakeMethod, badRequest, forbidden, unsupportedVersion

    var message: String {
      switch self {
      case .unknownTransport: "Transport unknown"
      case .unknownSession: "Session ID unknown"
      case .badHandshakeMethod: "Bad handshake method"
      case .badRequest: "Bad request"
      case .forbidden: "Forbidden"
      case .unsupportedVersion: "Unsupported protocol version"
      }
    }

    var response: Response { .json(["code": .integer(rawValue), "message": .string(message)], .badRequest) }
  }

  static func register(on router: inout Router, _ server: SocketIOServer) {
    router.add(.get, "/socket.io") { request in
      do { return try await get(request, server) } catch let fault as Fault { return fault.response }
    }
    router.add(.post, "/socket.io") { request in
      do { return try await post(request, server) } catch let fault as Fault { return fault.response }
    }
  }

  private static func get(_ request: Request, _ server: SocketIOServer) async throws -> Response {
    let transport = try transport(request)
    let session = try request.query("sid").map { id in
      guard let session = server.session(id) else { throw Fault.unknownSession }
      return session
    }
    if transport == "websocket" {
      return try .webSocket(request.head, maximumMessage: SocketIOServer.payloadLimit) { socket in
        try await SocketIOTransport(server: server, socket: socket).run(
          session, projectID: request.query("project_id"), caller: request.caller)
      }
    }
    guard let session else {
      guard let session = server.open(projectID: request.query("project_id"), caller: request.caller) else {
        throw Problem(.serviceUnavailable, code: "too_many_sessions", "too many Socket.IO sessions are open")
      }
      return text("0" + server.handshake(session, upgrades: ["websocket"]))
    }
    // A poll behind the one that told the end must not go without an answer while the session is cleared away.
    guard await !session.hasEnded else { throw Fault.unknownSession }
    guard await session.beginPoll() else { throw Fault.badRequest }
    // Streamed, since then the connection is watched: a client that goes away does not take a payload with it.
    return Response(
      .ok, fields: textFields,
      body: .stream { writer in
        guard let payload = await session.poll() else { throw ConnectionError.endOfInput }
        try await writer.write(Array(payload.utf8))
      })
  }

  private static func post(_ request: Request, _ server: SocketIOServer) async throws -> Response {
    guard try transport(request) == "polling" else { throw Fault.badRequest }
    guard let id = request.query("sid") else { throw Fault.badHandshakeMethod }
    guard let session = server.session(id) else { throw Fault.unknownSession }
    let body = try await request.body.collect(upTo: SocketIOServer.payloadLimit)
    do {
      for packet in try EngineIOPacket.decode(payload: body) { try await session.receive(packet) }
    } catch {
      await session.close()
      throw Fault.badRequest
    }
    var response = text("ok")
    response.fields["content-type"] = "text/html"
    return response
  }

  private static func transport(_ request: Request) throws -> String {
    guard let transport = request.query("transport"), ["polling", "websocket"].contains(transport) else {
      throw Fault.unknownTransport
    }
    guard request.query("EIO") == "4" else { throw Fault.unsupportedVersion }
    return transport
  }

  private static let textFields = HeaderFields([
    ("content-type", "text/plain; charset=UTF-8"), ("cache-control", "no-store"),
  ])

  private static func text(_ text: String) -> Response {
    Response(.ok, fields: textFields, body: .bytes(Array(text.utf8)))
  }
}

/// A WebSocket as the transport of a session.
struct SocketIOTransport: Sendable {
  let server: SocketIOServer
  let socket: WebSocketConnection

  /// Opens a session, or takes one over from polling, and serves it until either side ends.
  func run(_ polled: SocketIOSession?, projectID: String?, caller: Caller) async throws {
    let session: SocketIOSession
    if let polled {
      guard try await upgrade(polled) else { return }
      session = polled
    } else {
      guard let opened = server.open(projectID: projectID, caller: caller), await opened.attachWebSocket() else {
        return await socket.close(.init(rawValue: 1013), reason: "too many sessions")
      }
      session = opened
      try await socket.send(text: "0" + server.handshake(session, upgrades: []))
    }
    do {
      try await serve(session)
      await session.close()
    } catch {
      await session.close()
      throw error
    }
  }

  /// The client tries the WebSocket first: `2probe`, `3probe`, then `5`.
  private func upgrade(_ session: SocketIOSession) async throws -> Bool {
    guard case .text("2probe")? = try await socket.receive() else { return false }
    await session.beginProbe()
    do {
      try await socket.send(text: "3probe")
      if case .text("5")? = try await socket.receive() { return await session.attachWebSocket() }
      await session.endProbe()
      return false
    } catch {
      await session.endProbe()
      throw error
    }
  }

  private func serve(_ session: SocketIOSession) async throws {
    try await withThrowingDiscardingTaskGroup { group in
      group.addTask {
        do { try await send(session) } catch {
          // The other half may wait for room, which nobody makes any more.
          await session.close(saySo: false)
          throw error
        }
      }
      do {
        while let event = try await socket.receive() {
          switch event {
          case .text(let text): try await session.receive(.decode(text[...]))
          case .binary(let bytes): try await session.receive(.binary(bytes))
          default: break
          }
          if await session.isClosed { break }
        }
      } catch is SocketIOError {
        // The session ends, which closes the WebSocket behind what still waits.
      } catch {
        // The other half waits for the session, not for the connection.
        await session.close(saySo: false)
        throw error
      }
      await session.close()
    }
  }

  /// Sends what the session has to say until its end.
  private func send(_ session: SocketIOSession) async throws {
    while let packets = await session.nextForWebSocket() {
      for packet in packets {
        if case .binary(let bytes) = packet {
          try await socket.send(.binary, bytes)
        } else {
          try await socket.send(text: packet.text)
        }
      }
    }
    await socket.close(session.isAbandoned ? .goingAway : .normalClosure)
  }
}
