import CPlatform
import Glibc
import Platform

/// A program in its sandbox with pipes to its standard input and output, for a caller that may block its thread.
///
/// All of it is ended when its owner lets go of it: nothing is left behind.
package struct ChildProcess: ~Copyable, Sendable {
  private let child: cplatform_sandboxed
  private let folder: String?
  private let input: OwnedDescriptor
  private let output: OwnedDescriptor

  /// Starts a program; its standard error is dropped.
  ///
  /// - Throws: `SandboxError.notStarted` that names the step that failed.
  package init(_ policy: SandboxPolicy, features: SandboxFeatures) throws(SandboxError) {
    var policy = policy
    policy.dropsErrors = true
    let started = try StartedSandbox(policy, features: features)
    child = started.child
    folder = started.folder
    input = OwnedDescriptor(started.input)
    output = OwnedDescriptor(started.output)
  }

  deinit {
    var child = child
    var result = cplatform_sandbox_result()
    unsafe cplatform_sandbox_end(&child)
    unsafe cplatform_sandbox_finish(&child, &result)
    if let folder { StartedSandbox.remove(folder) }
  }

  /// Writes a line and reads one; blocks the calling thread.
  ///
  /// - Throws: `SandboxError` when the child ends, takes longer than `timeout`, or answers more than `limit` bytes.
  package borrowing func exchange(_ line: [UInt8], timeout: Duration, limit: Int) throws(SandboxError) -> [UInt8] {
    let deadline = ContinuousClock.now.advanced(by: timeout)
    let request = line + [10]
    var written = 0
    while written < request.count {
      let count = unsafe request.withUnsafeBytes {
        unsafe write(input.number, $0.baseAddress?.advanced(by: written), $0.count - written)
      }
      if count > 0 {
        written += count
      } else if errno == EAGAIN {
        try wait(for: input.number, POLLOUT, until: deadline)
      } else if errno != EINTR {
        throw SandboxError(.ended, "the process ended before it had taken its input")
      }
    }
    return try readLine(until: deadline, limit: limit)
  }

  private borrowing func readLine(until deadline: ContinuousClock.Instant, limit: Int) throws(SandboxError) -> [UInt8] {
    var answer: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16 * 1024)
    while true {
      let count = unsafe read(output.number, &buffer, buffer.count)
      if count > 0 {
        answer.append(contentsOf: buffer[0..<count])
        if answer.last == 10 { return answer.dropLast() }
        guard answer.count <= limit else {
          throw SandboxError(.tooMuch, "the process answered more than \(limit) bytes")
        }
      } else if count < 0, errno == EAGAIN {
        try wait(for: output.number, POLLIN, until: deadline)
      } else if count == 0 || errno != EINTR {
        throw SandboxError(.ended, "the process ended before it had answered")
      }
    }
  }

  private borrowing func wait(
    for descriptor: Int32, _ events: Int32, until deadline: ContinuousClock.Instant
  ) throws(SandboxError) {
    let left = ContinuousClock.now.duration(to: deadline).components
    let milliseconds = left.seconds * 1000 + left.attoseconds / 1_000_000_000_000_000
    var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    guard milliseconds > 0, unsafe poll(&entry, 1, Int32(clamping: milliseconds + 1)) != 0 else {
      throw SandboxError(.timedOut, "the process did not answer in time")
    }
  }
}
