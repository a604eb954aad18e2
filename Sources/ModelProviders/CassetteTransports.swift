import Foundation
import Synchronization

/// Counts requests by cassette name, so that equal requests have cassettes of their own.
private final class CassetteCounter: Sendable {
  private let counts = Mutex<[String: Int]>([:])

  func next(_ name: String) -> Int {
    counts.withLock { counts in
      counts[name, default: 0] += 1
      return counts[name, default: 1]
    }
  }
}

/// Passes requests on and writes each exchange into a folder (`MODEL_RECORD`).
package struct RecordingTransport: ModelTransport {
  private let inner: any ModelTransport
  private let folder: URL
  private let counter = CassetteCounter()

  /// Records what `inner` carries into a folder, which is made when it is not there.
  package init(_ inner: any ModelTransport, folder: String) throws {
    self.inner = inner
    self.folder = URL(fileURLWithPath: folder)
    try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
  }

  /// Passes a request on; the exchange is written when its answer has been read to the end.
  package func send(_ request: TransportRequest) async throws -> TransportResponse {
    let name = Cassette.name(of: request)
    let file = folder.appending(path: "\(name)-\(counter.next(name)).json")
    var response = try await inner.send(request)
    let (status, fields, body) = (response.status, response.fields, response.body)
    let began = ContinuousClock.now
    let recorded = Mutex<[(milliseconds: Int, bytes: [UInt8])]>([])
    response.body = {
      if let chunk = try await body() {
        recorded.withLock { $0.append((Int(began.duration(to: .now) / .milliseconds(1)), chunk)) }
        return chunk
      }
      let bytes = Cassette.encode(request, status: status, fields: fields, chunks: recorded.withLock { $0 })
      try Data(bytes).write(to: file, options: .atomic)
      return nil
    }
    return response
  }
}

/// Answers from the cassettes of a folder (`MODEL_REPLAY`) and never touches the network.
package struct ReplayTransport: ModelTransport {
  private let folder: URL
  private let counter = CassetteCounter()

  /// Replays a folder that `RecordingTransport` wrote.
  package init(folder: String) { self.folder = URL(fileURLWithPath: folder) }

  /// Answers from the next cassette of the request.
  package func send(_ request: TransportRequest) async throws -> TransportResponse {
    let name = Cassette.name(of: request)
    let file = "\(name)-\(counter.next(name)).json"
    guard let data = try? Data(contentsOf: folder.appending(path: file)), let response = Cassette.decode(Array(data))
    else {
      throw ModelError(
        .unknownRequest, "the replay folder has no cassette \(file) for this request: record it with MODEL_RECORD",
        isRetryable: false)
    }
    return response
  }
}
