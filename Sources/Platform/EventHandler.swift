import CPlatform

/// What epoll says of a descriptor (epoll_ctl(2)).
package struct Readiness: Sendable {
  /// The bits of `epoll_event.events`.
  package let rawValue: UInt32

  /// Those bits.
  package init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Whether any of these holds.
  package func meets(_ other: Readiness) -> Bool { rawValue & other.rawValue != 0 }

  /// There may be bytes to read, or an end to see.
  package static var readable: Readiness { Readiness(rawValue: EPOLLIN.rawValue) }
  /// There may be room to write.
  package static var writable: Readiness { Readiness(rawValue: EPOLLOUT.rawValue) }
  /// The peer has closed its sending half.
  package static var peerClosed: Readiness { Readiness(rawValue: EPOLLRDHUP.rawValue) }
  /// Both halves are closed or the connection is broken.
  package static var broken: Readiness { Readiness(rawValue: EPOLLHUP.rawValue | EPOLLERR.rawValue) }
}

/// Is told by an event loop, on its thread, what happens to a registered descriptor.
package protocol EventHandler: AnyObject {
  /// The descriptor became ready; edge-triggered, so it is not said again until it was not ready in between.
  func ready(_ readiness: Readiness)

  /// About a second has passed: the moment to look at deadlines.
  func tick(_ now: ContinuousClock.Instant)
}
