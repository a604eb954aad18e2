package import Platform
import Synchronization

/// Counts requests by route and status, times their answers, and counts what is connected.
///
/// Each event loop has counts of its own, which are added up when somebody asks: counting costs no lock and no cache
/// line that another loop writes. A time ends when the answer is ready to be sent: streams and WebSockets go on behind
/// it.
package final class RequestMeter: Sendable {
  /// What is counted of one route on one loop.
  private final class Slot: Sendable {
    let times = Histogram()
    let statuses = InlineArray<33, Atomic<Int>> { _ in Atomic(0) }
  }

  /// The statuses that are told apart; any other counts with the last place.
  private static let statuses = [
    101, 200, 201, 202, 204, 206, 304, 400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413, 414, 415, 416,
    417, 422, 426, 429, 431, 500, 501, 502, 503,
  ]
  private static let places: [UInt8] = {
    var places = [UInt8](repeating: 32, count: 600)
    for (place, status) in statuses.enumerated() { places[status] = UInt8(place) }
    return places
  }()
  private let routes: [Router.Label]
  private let slots: [Slot]
  private let loops: Int
  /// Open connections, WebSockets among them.
  package let connections = Counter()
  /// Connections that are WebSockets.
  package let webSockets = Counter()
  /// Answers that are being streamed.
  package let streams = Counter()

  /// A meter of a router's routes, which so many event loops serve.
  package init(_ router: Router, loops: Int) {
    self.loops = max(1, loops)
    routes = router.labels
    slots = (0..<self.loops * routes.count).map { _ in Slot() }
  }

  /// Counts an answer, on the event loop of that number.
  func note(route: Int, status: Int, nanoseconds: Int, loop: Int) {
    let slot = slots[loop % loops * routes.count + route]
    slot.times.observe(nanoseconds: nanoseconds)
    let place = (0..<600).contains(status) ? Int(Self.places[status]) : Self.statuses.count
    slot.statuses[place].add(1, ordering: .relaxed)
  }

  /// The quantities.
  package var families: [MetricFamily] {
    var counts: [(labels: [(name: String, value: String)], value: Double)] = []
    var times: [(labels: [(name: String, value: String)], snapshot: Histogram.Snapshot)] = []
    for (index, route) in routes.enumerated() {
      let slots = (0..<loops).map { self.slots[$0 * routes.count + index] }
      let labels = [(name: "method", value: route.method), (name: "route", value: route.pattern)]
      for place in 0...Self.statuses.count {
        let count = slots.reduce(0) { $0 + $1.statuses[place].load(ordering: .relaxed) }
        guard count > 0 else { continue }
        let status = place < Self.statuses.count ? "\(Self.statuses[place])" : "other"
        counts.append((labels + [(name: "status", value: status)], Double(count)))
      }
      var snapshot = Histogram.Snapshot()
      for slot in slots { snapshot.add(slot.times.snapshot) }
      if snapshot.total > 0 { times.append((labels, snapshot)) }
    }
    let kinds = [("websocket", webSockets.value), ("stream", streams.value)]
    let others = connections.value - kinds.reduce(0) { $0 + $1.1 }
    return [
      MetricFamily("vibegrapher_http_requests_total", "Requests that were answered.", .counter, counts),
      MetricFamily(
        seconds: "vibegrapher_http_request_duration_seconds",
        "From the whole head of a request to its answer being ready to be sent.", times),
      MetricFamily(
        "vibegrapher_connections", "Open connections by what they are used for.", .gauge,
        (kinds + [("http", max(0, others))]).map { ([("kind", $0.0)], Double($0.1)) }),
    ]
  }
}
