import App
import Foundation
import Logging
import Testing

@Suite struct `Settings of the daemon` {
  @Test(arguments: [
    ("A=1\n", ["A": "1"]), ("export A=1", ["A": "1"]), ("A = spaced value # comment", ["A": "spaced value"]),
    ("A=\"quoted # not comment\"", ["A": "quoted # not comment"]), ("A='single \\n'", ["A": "single \\n"]),
    ("A=\"line\\nbreak\"", ["A": "line\nbreak"]), ("# A=1\n\n=x\nnothing", [:]),
    ("A=\r\nB=2\r\n", ["A": "", "B": "2"]),
    ("A=a#b", ["A": "a#b"]), ("A=\"say \\\"hi\\\"\"", ["A": "say \"hi\""]),
  ])
  func `are read from a file as python-dotenv reads it`(text: String, wanted: [String: String]) {
    let pairs = Dictionary(DotEnv.parse(text).map { ($0.name, $0.value) }) { $1 }
    #expect(pairs == wanted)
  }

  @Test func `have defaults, which the environment and the file override in that order`() throws {
    let plain = try Settings(environment: [:], dotEnv: nil)
    #expect(plain.port == 8000)
    #expect(plain.host == "127.0.0.1")
    #expect(plain.models.usesEmbedded)
    let set = try Settings(
      environment: ["PORT": "1", "media_path": "m"], dotEnv: "PORT=2\nLog_Level=debug\nOPENAI_API_KEY=sk-x")
    #expect(set.port == 1)
    #expect(set.mediaPath == "m")
    #expect(set.logLevel == .debug)
    #expect(!set.models.usesEmbedded)
  }

  @Test(arguments: [
    ("PORT", "x"), ("PORT", "70000"), ("PORT", "-1"), ("DATABASE_URL", "postgres://x"), ("DATABASE_URL", "sqlite:///"),
    ("API_KEY_HEADER", "X API Key"), ("REQUIRE_API_KEY", "perhaps"), ("RATE_LIMIT_KEY_REQUESTS", "-1"),
    ("LOG_LEVEL", "loud"), ("MAX_VARIATIONS", "11"), ("CLONE_TIMEOUT", "0"),
    ("OPENAI_BASE_URL", "ftp://x"),
    ("SSE_PING_INTERVAL", "0"), ("AGENT_CPU_LIMIT", "none"), ("AGENT_MEMORY_LIMIT", "12q"), ("REDIS_URL", "http://x"),
    ("OPENAI_API_KEY", "two words"),
  ])
  func `stop the start with a line that names the bad one`(name: String, value: String) {
    let fault = #expect(throws: Settings.Fault.self) { try Settings(environment: [name: value], dotEnv: nil) }
    #expect(fault?.description.hasPrefix(name) == true)
    #expect(fault?.description.contains("\n") == false)
  }

  @Test func `are the same set in the example file and in the code`() throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../../.env.example")
    let text = try String(contentsOf: folder, encoding: .utf8)
    let pairs = text.split(separator: "\n").compactMap { line -> (String, String)? in
      guard let match = line.wholeMatch(of: /#?([A-Z_]+)=(.*)/) else { return nil }
      return (String(match.1), String(match.2))
    }
    #expect(Set(pairs.map(\.0)) == Set(Setting.allCases.map(\.rawValue)))
    for (name, value) in pairs { #expect(Setting(rawValue: name)?.defaultValue == value) }
  }
}
