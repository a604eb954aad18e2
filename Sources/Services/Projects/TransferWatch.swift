import Foundation
import Sandbox
import Synchronization

/// Looks after a clone that runs: how large it has become, and what git says of its progress.
final class TransferWatch: Sendable {
  private let folder: String
  private let limit: Int
  private let state = Mutex(State())

  private struct State {
    var line = ""
    var progress: GitTransfer.Progress?
    var isTooLarge = false
  }

  /// Files that a clone may have: a server without packs sends every object as one.
  private static let fileLimit = 50_000

  init(folder: String, limit: Int) {
    self.folder = folder
    self.limit = limit
  }

  /// Whether the clone was ended because it had become too large.
  var isTooLarge: Bool { state.withLock { $0.isTooLarge } }

  /// Takes what git says; it ends a line of progress with CR.
  @Sendable func observe(_ stream: SandboxRun.Stream, _ bytes: [UInt8]) {
    guard stream == .errors else { return }
    state.withLock { state in
      state.line += String(decoding: bytes, as: UTF8.self)
      for line in state.line.split(omittingEmptySubsequences: true, whereSeparator: \.isNewline) {
        guard let match = line.firstMatch(of: /((?:Receiving|Resolving) \w+): +([0-9]{1,3})%/) else { continue }
        state.progress = .init(phase: String(match.1), percent: min(100, Int(match.2) ?? 0), bytes: 0)
      }
      state.line = String(state.line.suffix(200))
    }
  }

  /// Returns when the clone is too large or the task is cancelled; tells of progress a few times a second.
  func run(_ progress: @Sendable (GitTransfer.Progress) async -> Void) async {
    var told: GitTransfer.Progress?
    while !Task.isCancelled {
      let bytes = Self.bytes(of: folder)
      guard bytes <= limit else {
        state.withLock { $0.isTooLarge = true }
        return
      }
      if var now = state.withLock({ $0.progress }) {
        now.bytes = bytes
        if now != told { await progress(now) }
        told = now
      }
      // Ends early only when the task is cancelled, which the loop's condition sees.
      try? await Task.sleep(for: .milliseconds(200))
    }
  }

  /// The bytes of all files below a folder; more than any limit when there are too many of them.
  private static func bytes(of folder: String) -> Int {
    let keys: [URLResourceKey] = [.fileSizeKey]
    let files = FileManager.default.enumerator(
      at: URL(fileURLWithPath: folder), includingPropertiesForKeys: keys, options: [], errorHandler: { _, _ in true })
    var (bytes, count) = (0, 0)
    while let url = files?.nextObject() as? URL {
      count += 1
      guard count <= fileLimit else { return .max }
      // A file that has just been renamed or removed counts nothing.
      bytes += (try? url.resourceValues(forKeys: Set(keys)))?.fileSize ?? 0
    }
    return bytes
  }
}
