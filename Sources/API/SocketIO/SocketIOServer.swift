import EventLog
import JSON
import Platform
import Server
import Services
import SocketIO
import Synchronization

/// The Socket.IO sessions of a daemon (R13): Engine.IO 4 under Socket.IO 5, default namespace, at `/socket.io/`.
///
/// Sessions outlive the requests of a polling client, so they are run here.
package final class SocketIOServer: Sendable {
  /// Bytes of one polling payload or message that a client may send.
  static let payloadLimit = 1_000_000
  /// Sessions at once.
  static let sessionLimit = 10_000

  let journal: Journal
  let projects: ProjectService
  let configuration: APIConfiguration
  let authenticator: Authenticator
  let gate: RouteGate
  private let sessions = Mutex<[String: SocketIOSession]>([:])
  private let arrivals = AsyncStream.makeStream(of: SocketIOSession.self)

  /// A server over projects; sessions do nothing until `run`.
  init(projects: ProjectService, configuration: APIConfiguration, authenticator: Authenticator, gate: RouteGate) {
    journal = projects.journal
    self.projects = projects
    self.configuration = configuration
    self.authenticator = authenticator
    self.gate = gate
  }

  /// Runs the sessions until the task is cancelled.
  package func run() async {
    await withDiscardingTaskGroup { group in
      for await session in arrivals.stream {
        group.addTask {
          await session.run()
          self.sessions.withLock { $0[session.id] = nil }
        }
      }
      group.cancelAll()
    }
  }

  /// Ends the sessions that poll, so that no poll is left waiting; those of WebSockets end with their connections.
  package func stop() async {
    for session in sessions.withLock({ Array($0.values) }) where await !session.hasWebSocket {
      await session.close(saySo: false)
    }
  }

  /// How many sessions there are.
  var count: Int { sessions.withLock { $0.count } }

  /// A new session, or nil when there are too many.
  func open(projectID: String?, caller: Caller) -> SocketIOSession? {
    let session = SocketIOSession(server: self, projectID: projectID, caller: caller)
    let isOpen = sessions.withLock { sessions -> Bool in
      guard sessions.count < Self.sessionLimit else { return false }
      sessions[session.id] = session
      return true
    }
    guard isOpen else { return nil }
    arrivals.continuation.yield(session)
    return session
  }

  /// The session of that id.
  func session(_ id: String) -> SocketIOSession? { sessions.withLock { $0[id] } }

  /// The data of the packet that opens a session.
  func handshake(_ session: SocketIOSession, upgrades: [JSONValue]) -> String {
    let value: JSONValue = [
      "sid": .string(session.id), "upgrades": .array(upgrades),
      "pingInterval": .integer(Int(configuration.socketIOPing / .milliseconds(1))),
      "pingTimeout": .integer(Int(configuration.socketIOTimeout / .milliseconds(1))),
      "maxPayload": .integer(Self.payloadLimit),
    ]
    return value.encodedText
  }
}
