import Sandbox
import Testing

@Suite(.timeLimit(.minutes(1))) struct `Child process` {
  private static let features = SandboxFeatures.probe(groups: false)

  private static func shell(_ script: String, descriptors: Int = 256) throws -> ChildProcess {
    var policy = SandboxPolicy("/bin/sh", ["-c", script])
    policy.descriptors = descriptors
    return try ChildProcess(policy, features: features)
  }

  @Test func `answers line by line`() throws {
    let child = try Self.shell("while read line; do echo \"got $line\"; done")
    for word in ["one", "two", ""] {
      let answer = try child.exchange(Array(word.utf8), timeout: .seconds(5), limit: 1000)
      #expect(String(decoding: answer, as: UTF8.self) == "got \(word)")
    }
  }

  @Test func `sees only the environment and descriptors it was given`() throws {
    let child = try Self.shell(
      "read x; echo $(env | grep -v -e ^PWD -e ^SHLVL -e ^_ -e ^OLDPWD | sort | tr '\\n' ' ') $(ls /proc/self/fd | tr '\\n' ' ')"
    )
    let answer = try child.exchange([], timeout: .seconds(5), limit: 1000)
    let text = String(decoding: answer, as: UTF8.self)
    // ls opens the folder itself as descriptor 3.
    #expect(text == "HOME=/work LANG=C.UTF-8 LC_ALL=C.UTF-8 PATH=/usr/local/bin:/usr/bin:/bin TMPDIR=/tmp 0 1 2 3")
  }

  @Test func `that hangs is told by the deadline`() throws {
    let child = try Self.shell("read x; sleep 60")
    let error = #expect(throws: SandboxError.self) {
      try child.exchange([65], timeout: .milliseconds(100), limit: 1000)
    }
    #expect(error?.code == .timedOut)
  }

  @Test func `that ends is told`() throws {
    let child = try Self.shell("exit 3")
    let error = #expect(throws: SandboxError.self) { try child.exchange([65], timeout: .seconds(5), limit: 1000) }
    #expect(error?.code == .ended)
  }

  @Test func `that floods is stopped at the limit`() throws {
    let child = try Self.shell("read x; yes | tr -d '\\n'")
    let error = #expect(throws: SandboxError.self) { try child.exchange([65], timeout: .seconds(5), limit: 10_000) }
    #expect(error?.code == .tooMuch)
  }

  @Test func `that is not there is refused with the step`() {
    let error = #expect(throws: SandboxError.self) {
      _ = try ChildProcess(SandboxPolicy("/no/such/program", []), features: Self.features)
    }
    #expect(error?.code == .notStarted)
    #expect(error?.message.contains("cannot execute it") == true)
  }

  @Test func `keeps the limits it was given`() throws {
    let child = try Self.shell("read x; ulimit -n; echo", descriptors: 33)
    let answer = try child.exchange([], timeout: .seconds(5), limit: 100)
    #expect(String(decoding: answer, as: UTF8.self).hasPrefix("33"))
  }
}
