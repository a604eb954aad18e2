import Services
import Testing

@Suite struct `Clone addresses` {
  private static let hosts = ["github.com", "git.example.com:8443", "127.0.0.1:8000", "localhost:3000", "[::1]:3000"]

  @Test(arguments: [
    ("https://github.com/a/b", "https://github.com/a/b"), ("HTTPS://GitHub.com/a/B.git/", "https://github.com/a/B.git"),
    ("https://github.com:443/a/b", "https://github.com/a/b"), ("https://github.com//a///b", "https://github.com/a/b"),
    ("https://git.example.com:8443/x", "https://git.example.com:8443/x"),
    ("http://127.0.0.1:8000/projects/x/git", "http://127.0.0.1:8000/projects/x/git"),
    ("http://[::1]:3000/a", "http://[::1]:3000/a"), ("http://localhost:3000/a", "http://localhost:3000/a"),
  ])
  func `of hosts that are named are taken in one form`(address: String, text: String) throws {
    let made = try CloneAddress(address, hosts: Self.hosts)
    #expect(made.text == text)
  }

  @Test(arguments: [
    "", "github.com/a/b", "//github.com/a/b", "/a/b", "file:///a/b", "ssh://github.com/a/b", "git@github.com:a/b",
    "ext::sh", "https:///a/b", "https://@github.com/a", "https://a@github.com/b", "https://github.com",
    "https://github.com/", "https://github.com/.", "https://github.com/a/..", "https://github.com/a?b",
    "https://github.com/a#b", "https://github.com/a b", "https://github.com/ä", "https://github.com/a\nb",
    "https://github.com/--upload-pack=x", "https://github.com:0/a", "https://github.com:65536/a",
    "https://github.com:/a", "https://git.example.com/x", "http://git.example.com:8443/x", "http://github.com/a/b",
    "https://github.com.example.com/a", "https://example.com\\github.com/a", "https://github.com%2eexample.com/a",
    "http://127.0.0.2:8000/a", "http://127.1:8000/a", "http://0x7f000001:8000/a", "https://github.com/a/`id`",
    "https://github.com/a/$(id)", "https://github.com/a;b", "https://github.com/a'b", "https://github.com./a/b",
  ])
  func `of any other form are refused`(address: String) {
    #expect(throws: ServiceError.self) { try CloneAddress(address, hosts: Self.hosts) }
  }

  @Test func `of no host are taken when none is named`() {
    #expect(throws: ServiceError.self) { try CloneAddress("https://github.com/a/b", hosts: []) }
  }

  @Test(
    arguments: [
      (nil, nil, nil, true), (nil, nil, "a", false), ("*", nil, "a", true), ("*", nil, nil, false),
      ("\"a\"", nil, "a", true),
      ("\"b\", W/\"a\"", nil, "a", true), ("\"b\"", nil, "a", false), (nil, "*", nil, true), (nil, "*", "a", false),
      (nil, "\"b\"", "a", true), ("\"a\"", "*", "a", false), ("", nil, "a", false),
    ] as [(String?, String?, String?, Bool)])
  func `A condition allows a write or does not`(match: String?, none: String?, tag: String?, isAllowed: Bool) {
    let condition = FileCondition(match: match.map { .init($0) }, noneMatch: none.map { .init($0) })
    #expect(condition.allows(tag) == isAllowed)
  }

  @Test(arguments: [
    ("ada", "x", true), ("a-b", "x.y_z-1", true), ("-a", "x", false), ("a-", "x", false), ("a--b", "x", false),
    ("", "x", false), ("a/b", "x", false), ("ada", "", false), ("ada", "..", false), ("ada", "x.git", false),
    ("ada", "a b", false), ("ada", String(repeating: "x", count: 101), false),
  ])
  func `A repository on GitHub has a plain name`(owner: String, name: String, isTaken: Bool) {
    let made = try? GitHubRepository(owner: owner, name: name, isPrivate: true)
    #expect((made != nil) == isTaken)
  }
}
