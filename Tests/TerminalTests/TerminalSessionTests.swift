import Platform
import Sandbox
import Terminal
import Testing

@Suite(.timeLimit(.minutes(1))) struct `Terminal session` {
  private static let features = SandboxFeatures.probe(groups: false)

  /// Runs a program on a terminal while `body` watches, and ends it.
  private static func with<T: Sendable>(
    _ script: String, scrollback: Int = 1 << 20, _ body: @Sendable (TerminalSession) async throws -> T
  ) async throws -> T {
    let loop = try EventLoop(name: "terminals")
    defer { loop.stop() }
    let sandbox = try Sandbox(features: features)
    let terminal = try await sandbox.startTerminal(SandboxPolicy("/bin/sh", ["-c", script]), size: .usual)
    let session = TerminalSession(
      terminal, size: .usual, bounds: .init(scrollback: scrollback, idle: .seconds(60)), loop: loop)
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask(executorPreference: loop.taskExecutor) { _ = await session.run() }
      let result = try await body(session)
      await session.end(.deleted)
      await session.waitForEnd()
      return result
    }
  }

  /// All that a viewer gets until the end.
  private static func readAll(
    _ session: TerminalSession, _ viewer: Int
  ) async -> (output: [UInt8], lost: Int, end: TerminalEnd?) {
    var (output, lost): ([UInt8], Int) = ([], 0)
    var last: Int?
    while let delivery = await session.next(viewer, limit: 1000) {
      switch delivery {
      case .output(let bytes, let offset):
        output += bytes
        // Without a hole.
        #expect(offset == (last ?? offset - bytes.count) + bytes.count)
        last = offset
      case .gap(let count, let offset):
        lost += count
        last = offset
      case .end(let end, _): return (output, lost, end)
      case .status: break
      }
    }
    return (output, lost, nil)
  }

  /// Reads until the output holds the text.
  private static func read(_ session: TerminalSession, _ viewer: Int, until text: String) async -> String {
    var output: [UInt8] = []
    while let delivery = await session.next(viewer, limit: 1000) {
      guard case .output(let bytes, _) = delivery else { continue }
      output += bytes
      let all = String(decoding: output, as: UTF8.self)
      if all.contains(text) { return all }
    }
    return String(decoding: output, as: UTF8.self)
  }

  @Test func `has a terminal of its own, and tells how it ended`() async throws {
    let (output, _, end) = try await Self.with("stty size; tty; cut -d' ' -f 6,7 /proc/self/stat; echo $$; exit 3") {
      session in
      await Self.readAll(session, session.attach(after: nil, control: .auto))
    }
    let lines = String(decoding: output, as: UTF8.self).split(separator: "\r\n")
    #expect(lines.prefix(2).joined(separator: " ").hasPrefix("24 80 /dev/pts/"))
    // The session's leader is the program, and the terminal has a number.
    #expect(lines.count == 4 && lines[2].hasPrefix("\(lines[3]) ") && !lines[2].hasSuffix(" 0"))
    #expect(end == TerminalEnd(exitCode: 3))
  }

  @Test func `tells the signal that ended it`() async throws {
    let end = try await Self.with("kill -TERM $$") { session in
      await Self.readAll(session, session.attach(after: nil, control: .auto)).end
    }
    #expect(end == TerminalEnd(signal: 15))
  }

  @Test func `loses nothing for a lone reader, however small the scrollback`() async throws {
    let (output, lost, _) = try await Self.with("seq 1 20000", scrollback: 256 << 10) { session in
      await Self.readAll(session, session.attach(after: 0, control: .auto))
    }
    #expect(lost == 0)
    #expect(output == Array((1...20000).map { "\($0)\r\n" }.joined().utf8))
  }

  @Test func `says how much was lost to who comes late`() async throws {
    let (output, lost, written) = try await Self.with("seq 1 20000; echo done; read x", scrollback: 4096) { session in
      let first = await session.attach(after: nil, control: .watch)
      _ = await Self.read(session, first, until: "done")
      await session.detach(first)
      let second = await session.attach(after: 0, control: .auto)
      try await session.take(.input(Array("\n".utf8)), from: second)
      let (output, lost, _) = await Self.readAll(session, second)
      return (output, lost, await session.written)
    }
    #expect(lost > 100_000)
    #expect(output.count + lost == written)
    #expect(String(decoding: output, as: UTF8.self).contains("20000\r\ndone\r\n"))
  }

  @Test func `is written to by one viewer at a time`() async throws {
    try await Self.with("cat") { session in
      let first = await session.attach(after: nil, control: .auto)
      let second = await session.attach(after: nil, control: .auto)
      let refused = await #expect(throws: TerminalError.self) { try await session.take(.input([65]), from: second) }
      #expect(refused?.code == .notWriter)
      try await session.take(.take, from: second)
      let taken = await #expect(throws: TerminalError.self) { try await session.take(.interrupt, from: first) }
      #expect(taken?.code == .notWriter)
      await session.detach(second)
      try await session.take(.input(Array("back\n".utf8)), from: first)
      let text = await Self.read(session, first, until: "back\r\nback")
      #expect(text.hasSuffix("back\r\nback\r\n"))
    }
  }

  @Test func `is resized and tells its programs and viewers`() async throws {
    let size = try #require(TerminalSize(columns: 101, rows: 33))
    try await Self.with("trap 'stty size' WINCH; echo ready; while :; do sleep 0.01; done") { session in
      let viewer = await session.attach(after: nil, control: .auto)
      _ = await Self.read(session, viewer, until: "ready")
      try await session.take(.resize(size), from: viewer)
      guard case .status(let status)? = await session.next(viewer, limit: 10) else {
        Issue.record("no status after a resize")
        return
      }
      #expect(status.size == size)
      let text = await Self.read(session, viewer, until: "33 101")
      #expect(text.contains("33 101"))
    }
  }

  @Test(arguments: ["", "stty raw -isig -echo;"])
  func `interrupts a flood at once, in any mode`(modes: String) async throws {
    let (elapsed, end) = try await Self.with("\(modes) exec yes") { session in
      let viewer = await session.attach(after: nil, control: .auto)
      _ = await Self.read(session, viewer, until: "y")
      let begun = ContinuousClock.now
      try await session.take(.interrupt, from: viewer)
      let end = await Self.readAll(session, viewer).end
      return (ContinuousClock.now - begun, end)
    }
    #expect(end == TerminalEnd(signal: 2))
    #expect(elapsed < .seconds(2))
  }

  @Test func `refuses input that nobody reads beyond a bound, and is still interrupted`() async throws {
    let end = try await Self.with("stty raw isig; echo ready; exec sleep 60") { session in
      let viewer = await session.attach(after: nil, control: .auto)
      _ = await Self.read(session, viewer, until: "ready")
      let piece = [UInt8](repeating: 65, count: TerminalSession.inputLimit)
      try await session.take(.input(piece), from: viewer)
      let error = await #expect(throws: TerminalError.self) { try await session.take(.input(piece), from: viewer) }
      #expect(error?.code == .inputFull)
      try await session.take(.interrupt, from: viewer)
      return await Self.readAll(session, viewer).end
    }
    #expect(end == TerminalEnd(signal: 2))
  }

  @Test func `ends with all that it started`() async throws {
    let end = try await Self.with("setsid sleep 1000 & trap '' HUP TERM INT; sleep 1000") { session in
      await session.end(.deleted)
      return await Self.readAll(session, session.attach(after: nil, control: .auto)).end
    }
    #expect(end?.reason == .deleted)
  }
}
