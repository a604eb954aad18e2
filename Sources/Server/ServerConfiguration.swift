package import HTTP

/// Where a server listens and what it bounds; see the table of limits in the README.
package struct ServerConfiguration: Sendable {
  /// The IPv4 or IPv6 address, or `localhost`.
  package var host: String
  /// The port; 0 takes a free one.
  package var port: Int
  /// How many event loops share the port.
  package var loops: Int
  /// Sizes above which a request is refused.
  package var limits = HTTPLimits()
  /// From the first byte of a request, or from accept, until its head is complete; then 408.
  package var headTimeout: Duration = .seconds(10)
  /// Without a byte of a body that is being read; then 408.
  package var bodyTimeout: Duration = .seconds(30)
  /// Without a request on a kept-alive connection; then it is closed.
  package var idleTimeout: Duration = .seconds(75)
  /// Without the client taking a byte of what is being written; then the connection is reset.
  package var writeTimeout: Duration = .seconds(30)
  /// Connections of one loop; above it new ones wait in the system's queue.
  package var connectionsPerLoop = 20_000
  /// Bytes of one WebSocket message.
  package var webSocketMessage = 1 << 20
  /// Between pings to a WebSocket client; one that has not answered by the next is dropped.
  package var webSocketPing: Duration = .seconds(30)

  /// A configuration with the default limits.
  package init(host: String, port: Int, loops: Int = 1) {
    self.host = host
    self.port = port
    self.loops = loops
  }
}
