import CPlatform
import Platform

/// How a program in a sandbox ended.
package struct SandboxResult: Sendable {
  /// How its first process ended.
  package enum End: Hashable, Sendable {
    /// By itself, with this status.
    case exited(Int)
    /// By a signal.
    case signalled(Int)
  }

  /// A limit that it ran into.
  package enum Limit: String, Sendable, CaseIterable {
    case wall, cpu, memory, output, processes, files, signal
  }

  /// How it ended.
  package var end: End
  /// The limits that it ran into; those that ended it come first.
  package var limits: [Limit] = []
  /// Whether it was ended because of a limit.
  package var isKilledByLimit = false
  /// Whether `cancel` ended it.
  package var isCancelled = false
  /// Whether its supervisor was killed, so that little is known.
  package var isLost = false
  /// Processes that were still there at its end, and were killed.
  package var leftProcesses = 0
  /// Processor time of all of it, microseconds.
  package var processorMicroseconds = 0
  /// The most memory that all of it held, bytes.
  package var peakBytes = 0
  /// From start to end.
  package var wallTime: Duration = .zero
  /// What it wrote to its standard output, at most as much as the policy keeps.
  package var output: [UInt8] = []
  /// What it wrote to its standard error, likewise.
  package var errors: [UInt8] = []
  /// Whether some of its output was dropped.
  package var isOutputCut = false
  /// What held it.
  package var features: SandboxFeatures = []

  /// Whether a signal that nobody accounts for ended it before it wrote anything.
  var diedSilently: Bool {
    guard case .signalled = end else { return false }
    return limits.isEmpty && !isCancelled && output.isEmpty && errors.isEmpty
  }

  /// Takes over what the supervisor says of a program whose time began to run then, nanoseconds of the monotonic clock.
  init(_ result: cplatform_sandbox_result, features: SandboxFeatures, begun: Int) {
    end = result.was_signalled != 0 ? .signalled(Int(result.code)) : .exited(Int(result.code))
    func has(_ reason: cplatform_sandbox_reason) -> Bool { result.reasons & reason.rawValue != 0 }
    if has(CPLATFORM_REASON_WALL) { limits.append(.wall) }
    if has(CPLATFORM_REASON_CPU) { limits.append(.cpu) }
    if has(CPLATFORM_REASON_MEMORY) { limits.append(.memory) }
    isKilledByLimit = !limits.isEmpty
    if has(CPLATFORM_REASON_PROCESSES) { limits.append(.processes) }
    if has(CPLATFORM_REASON_FILES) { limits.append(.files) }
    isCancelled = has(CPLATFORM_REASON_ENDED)
    isLost = has(CPLATFORM_REASON_LOST)
    leftProcesses = Int(result.left)
    processorMicroseconds = Int(result.cpu_microseconds)
    peakBytes = Int(result.peak_kibibytes) * 1024
    let ended = result.ended > 0 ? Int(result.ended) : MonotonicClock.nanoseconds
    wallTime = .nanoseconds(max(0, ended - begun))
    self.features = features
  }
}
