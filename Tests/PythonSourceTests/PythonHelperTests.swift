import Foundation
import PythonSource
import Sandbox
import Testing

@Suite(.timeLimit(.minutes(2))) struct `Python helper` {
  private static func make(timeout: Duration = .seconds(20)) throws -> PythonHelper {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    let interpreter = try #require(PythonHelper.findInterpreter(path: path))
    return try make(interpreter, timeout: timeout)
  }

  private static func make(_ interpreter: String, timeout: Duration = .seconds(20)) throws -> PythonHelper {
    let installation = PythonInstallation(
      interpreter: interpreter, environment: ProcessInfo.processInfo.environment)
    return try PythonHelper(installation: installation, features: features, timeout: timeout)
  }

  private static let features = SandboxFeatures.probe(groups: false)

  @Test(arguments: [
    "", "x = 1\n", "def f():\r\n    return 1\r\n", "\u{FEFF}x = 1\n", "s = 'héllo 😀'\n",
    "async def f():\n    await g()\n",
    "# only a comment", "x = 1 # no line end", "if True:\n\tx = 1\n",
  ])
  func `takes what Python takes`(source: String) async throws {
    let verdict = try await Self.make().check(path: "a.py", source: source)
    #expect(verdict == .valid)
  }

  @Test(arguments: [
    ("def f(:\n    pass\n", "SyntaxError", 1), ("x = 1\n  y = 2\n", "IndentationError", 2),
    ("if True:\n\tx = 1\n        y = 2\n", "TabError", 3), ("print 'x'\n", "SyntaxError", 1),
    ("return 1\n", "SyntaxError", 1),
    ("x = 'unterminated\n", "SyntaxError", 1), ("await f()\n", "SyntaxError", 1), ("x = 1\n\u{0}", "SyntaxError", nil),
  ])
  func `refuses in the compiler's words`(source: String, type: String, line: Int?) async throws {
    let verdict = try await Self.make().check(path: "a.py", source: source)
    guard case .invalid(let fault) = verdict else {
      Issue.record("\(source) was taken")
      return
    }
    // A NUL is a ValueError in some versions of Python and a SyntaxError in others.
    #expect(fault.type == type || line == nil)
    if let line { #expect(fault.line == line) }
    #expect(!fault.message.isEmpty)
  }

  @Test func `survives source that kills or exhausts the parser`() async throws {
    let helper = try Self.make()
    for source in [
      String(repeating: "(", count: 100_000), String(repeating: "-", count: 200_000) + "1",
      "x = " + String(repeating: "[", count: 5000) + String(repeating: "]", count: 5000),
    ] {
      let verdict = try await helper.check(path: "a.py", source: source)
      #expect(verdict != .valid)
    }
    let after = try await helper.check(path: "a.py", source: "x = 1\n")
    #expect(after == .valid)
  }

  @Test func `refuses a file that is too large without asking`() async throws {
    let source = String(repeating: "x", count: PythonHelper.sourceLimit + 1)
    let verdict = try await Self.make().check(path: "a.py", source: source)
    #expect(verdict != .valid)
  }

  @Test func `says when there is no Python`() async throws {
    let helper = try Self.make("/no/such/python3")
    await #expect(throws: PythonSourceError.self) { try await helper.check(path: "a.py", source: "x = 1") }
  }

  @Test func `answers many questions at once, each its own`() async throws {
    let helper = try Self.make()
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for index in 0..<50 {
        group.addTask {
          let verdict = try await helper.check(path: "a.py", source: index % 2 == 0 ? "x = \(index)" : "x = = \(index)")
          return (verdict == .valid) == (index % 2 == 0)
        }
      }
      for try await isRight in group { #expect(isRight) }
    }
  }
}
