import HTTPTypes
import JSON
import Server

/// A request that the provider of the format would refuse.
struct WireFault: Error {
  var status = HTTPResponse.Status.badRequest
  let message: String

  init(_ message: String, status: HTTPResponse.Status = .badRequest) {
    self.message = message
    self.status = status
  }
}

/// A provider's wire format, seen from the server: pure.
protocol WireFormat: Sendable {
  /// What a body asks.
  ///
  /// - Throws: `WireFault` where the provider would refuse it.
  static func question(of body: JSONValue) throws(WireFault) -> EmbeddedQuestion

  /// An answer to a request.
  init(_ answer: EmbeddedAnswer, to request: JSONValue)

  /// The answer in one piece.
  var whole: JSONValue { get }

  /// The answer as the events of a stream, each as it goes over the wire.
  var events: [[UInt8]] { get }

  /// An error in the provider's form.
  static func error(_ fault: WireFault) -> JSONValue
}
