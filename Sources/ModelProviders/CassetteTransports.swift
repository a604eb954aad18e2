import Foundation
package import Platform
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
  private let redactor: Redactor
  private let counter = CassetteCounter()

  /// Records what `inner` carries into a folder, which is made when it is not there.
  package init(_ inner: any ModelTransport, folder: String, redactor: Redactor = Redactor()) throws {
    self.inner = inner
    self.folder = URL(fileURLWithPath: folder)
    self.redactor = redactor
    try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
  }

  /// Passes a request on; the exchange is written when its answer has been read to the end.
  package func send(_ request: TransportRequest) async throws -> TransportResponse {
    let (question, name) = await Cassette.Question.read(request, redactor)
    let file = folder.appending(path: "\(name)-\(counter.next(name)).json")
    var response = try await inner.send(request)
    let tape = Tape(StreamRedactor(redactor))
    let (status, fields, body) = (response.status, response.fields, response.body)
    response.body = {
      if let chunk = try await body() {
        tape.record(chunk)
        return chunk
      }
      guard let chunks = tape.finish() else { return nil }
      try await Self.write(Cassette.encode(question, status: status, fields: fields, chunks: chunks), to: file)
      return nil
    }
    return response
  }

  /// Off the caller's thread, which may serve connections.
  @concurrent private static func write(_ bytes: [UInt8], to file: URL) async throws {
    try Data(bytes).write(to: file, options: .atomic)
  }
}

/// The chunks of one answer as they come, without secrets.
private final class Tape: Sendable {
  private struct State {
    var redactor: StreamRedactor
    var chunks: [(milliseconds: Int, bytes: [UInt8])] = []
    var isFinished = false
  }

  private let began = ContinuousClock.now
  private let state: Mutex<State>

  init(_ redactor: StreamRedactor) { state = Mutex(State(redactor: redactor)) }

  func record(_ chunk: [UInt8]) {
    let time = Int(began.duration(to: .now) / .milliseconds(1))
    state.withLock { state in
      let bytes = state.redactor.receive(chunk)
      if !bytes.isEmpty { state.chunks.append((time, bytes)) }
    }
  }

  /// All chunks, the first time it is asked.
  func finish() -> [(milliseconds: Int, bytes: [UInt8])]? {
    let time = Int(began.duration(to: .now) / .milliseconds(1))
    return state.withLock { state in
      guard !state.isFinished else { return nil }
      state.isFinished = true
      let rest = state.redactor.finish()
      if !rest.isEmpty { state.chunks.append((time, rest)) }
      return state.chunks
    }
  }
}

/// Answers from the cassettes of a folder (`MODEL_REPLAY`) and never touches the network.
package struct ReplayTransport: ModelTransport {
  /// Cassettes that are looked through for the one that is nearest to an unknown request.
  private static let searched = 500

  private let folder: URL
  private let keepsTime: Bool
  private let redactor: Redactor
  private let counter = CassetteCounter()

  /// Replays a folder that `RecordingTransport` wrote, with the recorded pauses if `keepsTime` says so.
  package init(folder: String, keepsTime: Bool = false, redactor: Redactor = Redactor()) {
    self.folder = URL(fileURLWithPath: folder)
    self.keepsTime = keepsTime
    self.redactor = redactor
  }

  /// Answers from the next cassette of the request.
  ///
  /// - Throws: `ModelError` `.unknownRequest` that says what the nearest recorded request has otherwise.
  package func send(_ request: TransportRequest) async throws -> TransportResponse {
    let (question, name) = await Cassette.Question.read(request, redactor)
    let number = counter.next(name)
    if let cassette = await load("\(name)-\(number).json") { return cassette.response(keepsTime: keepsTime) }
    let reason: String
    if number > 1, await load("\(name)-1.json") != nil {
      reason = "it was recorded \(number - 1) time\(number == 2 ? "" : "s") and is asked once more"
    } else {
      reason = await nearest(to: question) ?? "nothing was recorded for \(question.target)"
    }
    throw ModelError(
      .unknownRequest,
      "the replay folder has no cassette \(name)-\(number).json for this request: \(reason); "
        + "record it with MODEL_RECORD", isRetryable: false)
  }

  /// Off the caller's thread, which may serve connections; nil when there is none that can be read.
  @concurrent private func load(_ file: String) async -> Cassette? {
    guard let data = try? Data(contentsOf: folder.appending(path: file)) else { return nil }
    return Cassette(Array(data))
  }

  /// What the recorded request with the fewest differences has otherwise.
  @concurrent private func nearest(to question: Cassette.Question) async -> String? {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    var best: (count: Int, text: String)?
    for file in files.sorted().prefix(Self.searched) where file.hasSuffix(".json") {
      guard let cassette = await load(file), cassette.target == question.target else { continue }
      let recorded = Cassette.canonicalised(cassette.body, isTop: true)
      guard let difference = CassetteDifference.between(question.canonical, recorded) else { continue }
      if best.map({ difference.count < $0.count }) ?? true {
        best = (difference.count, "in \(file), which is nearest, \(difference.first)")
      }
    }
    return best?.text
  }
}
