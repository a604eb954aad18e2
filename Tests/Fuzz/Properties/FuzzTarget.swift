/// A parser that fuzzing feeds, with what must hold for any input at all.
package enum FuzzTarget: String, CaseIterable, Sendable {
  /// Requests of HTTP/1.1.
  case request
  /// The chunks of a request's body, behind a fixed head.
  case chunked
  /// Frames of WebSocket, with and without permessage-deflate.
  case frames
  /// Payloads of Engine.IO, and the Socket.IO packets in them.
  case engineio
  /// Unified diffs as models write them.
  case patch

  /// What does not hold for this input, in one sentence, or nil when all does.
  package func violation(_ input: [UInt8]) -> String? {
    var input = FuzzInput(input)
    do throws(Violation) {
      switch self {
      case .request: try RequestProperties.check(&input)
      case .chunked: try ChunkedProperties.check(&input)
      case .frames: try FrameProperties.check(&input)
      case .engineio: try EngineIOProperties.check(&input)
      case .patch: try PatchProperties.check(&input)
      }
      return nil
    } catch {
      return error.claim
    }
  }
}

/// A claim that does not hold.
struct Violation: Error {
  let claim: String

  init(_ claim: String) { self.claim = claim }
}

/// Fails with the claim unless it holds.
func claim(_ holds: Bool, _ text: @autoclosure () -> String) throws(Violation) {
  guard holds else { throw Violation(text()) }
}

/// The bytes of one run: the first ones steer, the rest is what the parser is given.
///
///     options | split, high byte | split, low byte | bytes ...
struct FuzzInput {
  /// Which of a target's settings are used.
  let options: UInt8
  /// What the parser is given.
  let bytes: [UInt8]
  private let position: Int

  init(_ input: [UInt8]) {
    options = input.first ?? 0
    position = input.dropFirst().prefix(2).reduce(0) { $0 << 8 | Int($1) }
    bytes = Array(input.dropFirst(3))
  }

  /// Where the input is cut in two: any place, also its ends.
  var split: Int { position % (bytes.count + 1) }

  /// The ways in which the bytes come: whole, in two parts, and, when they are few, one by one.
  var deliveries: [[[UInt8]]] {
    var deliveries = [[bytes], [Array(bytes[..<split]), Array(bytes[split...])]]
    if bytes.count <= 512 { deliveries.append(bytes.map { [$0] }) }
    return deliveries
  }
}
