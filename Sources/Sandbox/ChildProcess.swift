import CPlatform
import Glibc
import Platform

/// A running child with pipes to its standard input and output, for a caller that may block its thread.
///
/// The child is killed with its whole session and reaped when its owner lets go of it: nothing is left behind.
package struct ChildProcess: ~Copyable, Sendable {
  private let pid: pid_t
  private let processDescriptor: OwnedDescriptor
  private let input: OwnedDescriptor
  private let output: OwnedDescriptor

  /// Starts a child; its standard error goes to /dev/null.
  ///
  /// - Throws: `SandboxError.notStarted` that names the step that failed.
  package init(_ command: ChildCommand) throws(SandboxError) {
    func pipe() throws(SandboxError) -> (read: Int32, write: Int32) {
      do { return try OwnedDescriptor.pipe() } catch { throw SandboxError(.notStarted, error.description) }
    }
    let toChild = try pipe()
    let theirInput = OwnedDescriptor(toChild.read)
    let input = OwnedDescriptor(toChild.write)
    let fromChild = try pipe()
    let output = OwnedDescriptor(fromChild.read)
    let theirOutput = OwnedDescriptor(fromChild.write)
    let null = OwnedDescriptor(unsafe open("/dev/null", O_WRONLY | O_CLOEXEC))
    let started = try Self.spawn(command, stdio: (theirInput.number, theirOutput.number, null.number))
    input.setNonBlocking()
    output.setNonBlocking()
    pid = started.pid
    processDescriptor = OwnedDescriptor(started.descriptor)
    self.input = input
    self.output = output
  }

  deinit {
    // The session that the child leads holds all that it started, unless it left the session on purpose.
    kill(-pid, SIGKILL)
    cplatform_signal(processDescriptor.number, SIGKILL)
    var (signalled, code): (Int32, Int32) = (0, 0)
    var (cpu, peak): (Int64, Int64) = (0, 0)
    unsafe cplatform_reap(processDescriptor.number, &signalled, &code, &cpu, &peak)
  }

  private static func spawn(
    _ command: ChildCommand, stdio: (Int32, Int32, Int32)
  ) throws(SandboxError) -> (pid: pid_t, descriptor: Int32) {
    let arguments = unsafe ([command.path] + command.arguments).map { unsafe strdup($0) } + [nil]
    let environment = unsafe command.environment.map { unsafe strdup("\($0.key)=\($0.value)") } + [nil]
    defer {
      let texts = unsafe arguments + environment
      for index in 0..<(unsafe texts.count) { unsafe free(texts[index]) }
    }
    let limits = command.limits.map { cplatform_limit(resource: $0.resource, value: $0.value) }
    var (pid, descriptor, step): (pid_t, Int32, Int32) = (0, -1, 0)
    let code = unsafe arguments.withUnsafeBufferPointer { arguments in
      unsafe environment.withUnsafeBufferPointer { environment in
        unsafe limits.withUnsafeBufferPointer { limits in
          unsafe command.path.withCString { path in
            unsafe command.directory.withCString { directory in
              var how = unsafe cplatform_spawn(
                path: path, argv: arguments.baseAddress, envp: environment.baseAddress, directory: directory,
                stdio: stdio, limits: limits.baseAddress, limit_count: Int32(limits.count))
              return unsafe cplatform_spawn(&how, &pid, &descriptor, &step)
            }
          }
        }
      }
    }
    guard code == 0 else { throw SandboxError(path: command.path, step: step, error: code) }
    return (pid, descriptor)
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
