package import Platform

/// A server: event loops that share one port, each with a listener of its own (`SO_REUSEPORT`, socket(7)).
package final class HTTPServer: Sendable {
  /// The port that was taken.
  package let port: Int
  private let listeners: [Listener]

  /// Takes the port and starts to listen; connections wait in the system's queue until `run`.
  ///
  /// - Throws: `SystemError` when the address is not ours or taken.
  package init(configuration: ServerConfiguration, handler: ServerHandler) throws(SystemError) {
    var listeners: [Listener] = []
    var configuration = configuration
    for index in 0..<max(1, configuration.loops) {
      let (socket, port) = try Listener.bind(host: configuration.host, port: configuration.port)
      configuration.port = port
      let loop = try EventLoop(name: "loop-\(index)")
      listeners.append(Listener(OwnedDescriptor(socket), loop: loop, configuration: configuration, handler: handler))
    }
    self.listeners = listeners
    port = configuration.port
  }

  /// How long the turns of each event loop take: what arrives meanwhile waits.
  package var loopTimes: [Histogram] { listeners.map(\.loop.turns) }

  /// Serves until `stop` has been called and the last connection is gone.
  package func run() async {
    await withTaskGroup(of: Void.self) { group in
      for listener in listeners {
        group.addTask(executorPreference: listener.loop.taskExecutor) { await listener.run() }
      }
    }
    for listener in listeners { listener.loop.stop() }
  }

  /// Stops accepting, lets each connection finish the request at hand, and ends what is left after `grace`.
  ///
  /// Returns at once; `run` returns when all is done.
  package func stop(grace: Duration = .seconds(8)) async {
    for listener in listeners { await listener.stop(grace: grace) }
  }
}
