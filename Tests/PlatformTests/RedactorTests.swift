import Platform
import Testing

@Suite struct `Secrets in texts` {
  /// Built from parts, so that no scanner of this repository takes them for real ones.
  private static let letters = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0fG"
  private static let openAI = "sk" + "-" + letters + letters.prefix(16)
  private static let project = "sk" + "-proj-" + letters + "_-" + letters
  private static let anthropic = "sk" + "-ant-api03-" + letters + "-" + letters
  private static let google = "AI" + "za" + letters + "x_-"
  private static let gitHub = "gh" + "p_" + letters + letters.prefix(4)
  private static let fineGrained = "github" + "_pat_" + letters.prefix(22) + "_" + letters
  private static let aws = "AK" + "IA" + "ABCDEFGHIJ234567"
  private static let awsSecret = letters + "/+abcdef"
  private static let pem =
    "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\nabc+/=\n-----END RSA " + "PRIVATE KEY-----"
  private static let configured = "my-own-key \"with\\quotes/"

  private static let redactor = Redactor(keys: [Secret(configured), Secret("short")])

  static let secrets: [(String, String)] = [
    ("key \(openAI)!", "key [redacted]!"), (project, "[redacted]"), ("(\(anthropic))", "([redacted])"),
    ("?key=\(google)&x=1", "?key=[redacted]&x=1"), ("\(gitHub)\n\(gitHub)", "[redacted]\n[redacted]"),
    ("https://\(fineGrained)@github.com", "https://[redacted]@github.com"), ("id=\(aws)", "id=[redacted]"),
    ("aws_secret_access_key = \(awsSecret)", "aws_secret_access_key = [redacted]"),
    ("AWS_SECRET_ACCESS_KEY=\"\(awsSecret)\"", "AWS_SECRET_ACCESS_KEY=\"[redacted]\""),
    ("a \(pem) b", "a [redacted] b"), ("\"\(pem.replacing("\n", with: "\\n"))\"", "\"[redacted]\""),
    ("{\"k\":\"\(pem.prefix(60).replacing("\n", with: "\\n"))\"}", "{\"k\":\"[redacted]\"}"),
    ("Authorization: Bearer \(letters)", "Authorization: Bearer [redacted]"),
    ("authorization: bearer abcdef.0123456789-abc", "authorization: bearer [redacted]"),
    ("{\"x-api-key\":\"\(letters)\"}", "{\"x-api-key\":\"[redacted]\"}"),
    ("X-Goog-Api-Key: \(letters)", "X-Goog-Api-Key: [redacted]"), ("vg" + "t_\(letters)\(letters)", "[redacted]"),
    ("vg" + "_\(letters)\(letters)", "[redacted]"),
    ("line\\n\(openAI)\\n", "line\\n[redacted]\\n"), ("\\u0022\(openAI)\\u0022", "\\u0022[redacted]\\u0022"),
    ("a\(configured)b", "a[redacted]b"), ("my-own-key \\\"with\\\\quotes\\/", "[redacted]"),
    ("GOOG=ya" + "29.\(letters)", "GOOG=[redacted]"), ("é\(openAI)é", "é[redacted]é"),
  ]

  static let harmless = [
    "", "sk-", "sk-learn", "sk-some-css-class-with-a-long-name",  // gitleaks:allow
    "task-force-of-very-many-people-2024",  // gitleaks:allow
    "risk-\(letters)", "desk-\(letters)\(letters)", "AIza is how they begin", "AIza\(letters)", "xAIza\(letters)abc",
    "ghp_short", "ghp_\(letters)", "xghp_\(letters)\(letters)", "AKIA", "AKIAABCDEFGHIJ23456",
    "AKIAABCDEFGHIJ2345678",  // gitleaks:allow
    "akiaabcdefghij234567", "MAKIAABCDEFGHIJ234567",  // gitleaks:allow
    "bearer of bad news", "Bearer token", "Bearer {token}",
    "Bearer $OPENAI_API_KEY", "forbearer \(letters)", "the bearer authentication-required-here", "short", "shortly",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "-----BEGIN PUBLIC KEY-----\nMIIB\n",
    "-----BEGIN ", "----- PRIVATE KEY -----", "x-api-key: required", "x-api-key header", "api-key",
    "aws_secret_access_key is needed", "aws_secret_access_key=\(letters)", "vgt_short", "github_pat_x",
    "my-own-key with quotes", "0b2f7a52-9c1e-7d31-8e4f-0123456789ab", "msg_0123456789abcdef0123456789abcdef",
    "https://example.org/sk-/AIza/ghp_", "def sk_test(): return 'sk-' + name",
  ]

  @Test(arguments: secrets)
  func `are taken out`(text: String, wanted: String) { #expect(Self.redactor.redact(text) == wanted) }

  @Test(arguments: harmless)
  func `are not seen where there are none`(text: String) { #expect(Self.redactor.redact(text) == text) }

  @Test(arguments: secrets)
  func `are taken out of pieces at every split`(text: String, wanted: String) {
    let bytes = Array(text.utf8)
    for split in 0...bytes.count {
      var stream = StreamRedactor(Self.redactor)
      var output = stream.receive(Array(bytes[..<split]))
      output += stream.receive(Array(bytes[split...]))
      output += stream.finish()
      #expect(String(decoding: output, as: UTF8.self) == wanted, "split at \(split)")
    }
  }

  @Test(arguments: secrets.map(\.0) + harmless)
  func `are found byte by byte as in one piece`(text: String) {
    var stream = StreamRedactor(Self.redactor)
    var output: [UInt8] = []
    for byte in text.utf8 { output += stream.receive([byte]) }
    output += stream.finish()
    #expect(String(decoding: output, as: UTF8.self) == Self.redactor.redact(text))
  }

  @Test func `hold back nothing that cannot become one`() {
    var stream = StreamRedactor(Self.redactor)
    #expect(stream.receive("data: {\"delta\":\"words\"}\n\n") == "data: {\"delta\":\"words\"}\n\n")
    #expect(stream.receive("a s") == "a ")
    #expect(stream.receive("ky") == "sky")
    #expect(stream.finishText() == "")
  }

  @Test func `hold back a bounded stretch`() {
    var stream = StreamRedactor(Self.redactor)
    var held = 0
    var longest = 0
    for _ in 0..<128 {
      let piece = String(repeating: "a1", count: 512)
      held += piece.utf8.count - stream.receive("sk-" + "proj-" + piece).utf8.count
      longest = max(longest, held)
    }
    #expect(longest > 1024)
    #expect(longest < 20 * 1024)
  }

  @Test func `of a configured key alone are found without shapes`() {
    let redactor = Redactor(keys: [Secret("abcdefgh-1234")], knowsShapes: false)
    #expect(redactor.redact("xabcdefgh-1234x \(Self.openAI)") == "x[redacted]x \(Self.openAI)")
  }
}
