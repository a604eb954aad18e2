import CPlatform
import Glibc
import Logging
import Platform

/// A listening socket on one event loop, and the connections that it accepted.
actor Listener: EventHandler {
  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

  private let descriptor: Int32
  private let configuration: ServerConfiguration
  private let handler: ServerHandler
  private var connections: [ObjectIdentifier: HTTPConnection] = [:]
  /// Connections that have become WebSockets and wait for their new task.
  private var upgrades: [(connection: HTTPConnection, upgrade: WebSocketUpgrade)] = []
  private var isReady = true
  private var isWoken = false
  private var isStopping = false
  private var deadline: ContinuousClock.Instant?
  private var waiter: CheckedContinuation<Void, Never>?

  init(
    _ descriptor: consuming OwnedDescriptor, loop: EventLoop, configuration: ServerConfiguration, handler: ServerHandler
  ) {
    self.descriptor = descriptor.release()
    self.loop = loop
    self.configuration = configuration
    self.handler = handler
  }

  /// Accepts until `stop`; returns when every connection is gone.
  func run() async {
    do { try loop.register(descriptor, self) } catch {
      handler.logger.error("cannot listen", metadata: ["error": "\(error)"])
      return
    }
    await withDiscardingTaskGroup { group in
      while !isStopping {
        startUpgrades(in: &group)
        guard isReady, connections.count < configuration.connectionsPerLoop else {
          await sleep()
          continue
        }
        accept(into: &group)
      }
      // A listening socket's queue is answered with a reset once it is closed: take what is in it first.
      isReady = true
      while isReady, connections.count < configuration.connectionsPerLoop { accept(into: &group) }
      _ = shutdown(descriptor, Int32(SHUT_RD))
      for connection in connections.values { await connection.drain() }
      while !connections.isEmpty {
        startUpgrades(in: &group)
        await sleep()
      }
    }
    loop.unregister(descriptor)
    close(descriptor)
  }

  /// Begins to stop; after `grace` the connections that are left are ended at once.
  func stop(grace: Duration) {
    isStopping = true
    deadline = ContinuousClock.now.advanced(by: grace)
    wake()
  }

  private func accept(into group: inout DiscardingTaskGroup) {
    let number = cplatform_accept(descriptor)
    guard number >= 0 else {
      // Out of descriptors: the next tick tries again, when others may have been closed.
      if errno != EINTR && errno != ECONNABORTED { isReady = false }
      return
    }
    let connection = HTTPConnection(
      OwnedDescriptor(number), loop: loop, configuration: configuration, handler: handler)
    connections[ObjectIdentifier(connection)] = connection
    handler.meter?.connections.add()
    group.addTask { [self] in
      let upgrade = await connection.run()
      await self.take(upgrade, of: connection)
    }
  }

  private func take(_ upgrade: WebSocketUpgrade?, of connection: HTTPConnection) {
    guard let upgrade else { return remove(connection) }
    upgrades.append((connection, upgrade))
    wake()
  }

  private func startUpgrades(in group: inout DiscardingTaskGroup) {
    for (connection, upgrade) in upgrades {
      group.addTask { [self] in
        await connection.run(upgrade)
        await self.remove(connection)
      }
    }
    upgrades = []
  }

  /// Waits for the next `wake`, or for none if one came since the last sleep.
  private func sleep() async {
    await withCheckedContinuation { continuation in
      if isWoken { continuation.resume() } else { waiter = continuation }
    }
    isWoken = false
  }

  private func remove(_ connection: HTTPConnection) {
    if connections.removeValue(forKey: ObjectIdentifier(connection)) != nil { handler.meter?.connections.add(-1) }
    wake()
  }

  private func wake() {
    isWoken = true
    waiter?.resume()
    waiter = nil
  }

  nonisolated func ready(_ readiness: Readiness) {
    assumeIsolated { listener in
      listener.isReady = true
      listener.wake()
    }
  }

  nonisolated func tick(_ now: ContinuousClock.Instant) {
    assumeIsolated { listener in
      listener.isReady = true
      listener.wake()
      guard let deadline = listener.deadline, now >= deadline else { return }
      for connection in listener.connections.values { connection.assumeIsolated { $0.abort() } }
    }
  }
}

extension Listener {
  /// A listening socket on an address, and the port it got.
  static func bind(host: String, port: Int) throws(SystemError) -> (socket: Int32, port: Int) {
    var hints = unsafe addrinfo()
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    unsafe hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
    var list: UnsafeMutablePointer<addrinfo>?
    let code = unsafe getaddrinfo(host, "\(port)", &hints, &list)
    guard code == 0, let address = unsafe list else {
      throw SystemError(code: EADDRNOTAVAIL, operation: "find the address of '\(host)' to listen on")
    }
    defer { unsafe freeaddrinfo(list) }
    let family = unsafe address.pointee.ai_family
    let socket = socket(family, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard socket >= 0 else { throw .last("make a socket") }
    let descriptor = OwnedDescriptor(socket)
    var one: Int32 = 1
    for option in [SO_REUSEADDR, SO_REUSEPORT] {
      _ = unsafe setsockopt(socket, SOL_SOCKET, option, &one, socklen_t(MemoryLayout<Int32>.size))
    }
    // What is accepted inherits these (tcp(7)). The second bounds what the system takes for a client that does not
    // read: filling megabytes for hundreds of them would hold up everybody else.
    for (option, value) in [(TCP_NODELAY, Int32(1)), (TCP_NOTSENT_LOWAT, Int32(128 * 1024))] {
      var value = value
      _ = unsafe setsockopt(socket, Int32(IPPROTO_TCP), option, &value, socklen_t(MemoryLayout<Int32>.size))
    }
    guard unsafe Glibc.bind(socket, address.pointee.ai_addr, address.pointee.ai_addrlen) == 0 else {
      throw .last("listen on \(host) port \(port)")
    }
    guard listen(socket, 4096) == 0 else { throw .last("listen on \(host) port \(port)") }
    let bound = try boundPort(of: socket)
    return (descriptor.release(), bound)
  }

  private static func boundPort(of socket: Int32) throws(SystemError) -> Int {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let code = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe getsockname(socket, $0, &length) }
    }
    guard code == 0 else { throw .last("read the port that was taken") }
    // The port stands at the same place in the addresses of both families, see ip(7) and ipv6(7).
    return unsafe withUnsafeBytes(of: &storage) { bytes in unsafe Int(bytes[2]) << 8 | Int(bytes[3]) }
  }
}
