import API
import Server
import Testing

@Suite struct `Tickets of pages` {
  private static let ada = Caller(.key(id: "k1", owner: "ada"), scopes: [.read, .write])

  @Test func `stand for their caller, once`() {
    let tickets = Tickets { _ in true }
    let (first, second) = (tickets.issue(to: Self.ada), tickets.issue(to: Self.ada))
    #expect(first != second)
    #expect(tickets.redeem(first) == Self.ada)
    #expect(tickets.redeem(first) == nil)
    #expect(tickets.redeem(second) == Self.ada)
  }

  @Test(arguments: [(0, true), (59, true), (60, false), (61, false), (3600, false)])
  func `are good within a minute`(seconds: Int, isGood: Bool) {
    let (tickets, now) = (Tickets { _ in true }, ContinuousClock.now)
    let ticket = tickets.issue(to: Self.ada, now: now)
    let caller = tickets.redeem(ticket, now: now + .seconds(seconds))
    #expect((caller == Self.ada) == isGood)
  }

  @Test func `end with their key`() {
    let tickets = Tickets { $0 != "k1" }
    let (hers, local) = (tickets.issue(to: Self.ada), tickets.issue(to: .local))
    #expect(tickets.redeem(hers) == nil)
    #expect(tickets.redeem(local) == .local)
  }

  @Test(arguments: ["", "x", String(repeating: "a", count: 5000), "../..", "\u{0}"])
  func `are none that nobody issued`(text: String) {
    let tickets = Tickets { _ in true }
    _ = tickets.issue(to: Self.ada)
    let caller = tickets.redeem(text)
    #expect(caller == nil)
  }

  @Test func `are bounded: the oldest go first`() {
    let (tickets, now) = (Tickets { _ in true }, ContinuousClock.now)
    let issued = (0..<10_002).map { tickets.issue(to: Self.ada, now: now + .milliseconds($0)) }
    let soon = now + .seconds(20)
    #expect(tickets.redeem(issued[0], now: soon) == nil)
    #expect(tickets.redeem(issued[1], now: soon) == nil)
    #expect(tickets.redeem(issued[2], now: soon) == Self.ada)
    #expect(tickets.redeem(issued[10_001], now: soon) == Self.ada)
  }
}

@Suite struct `Scopes of a key` {
  @Test(arguments: [
    ("read", ["read"]), ("write", ["read", "write"]), ("execute", ["read", "execute"]),
    ("admin", ["read", "write", "execute", "admin"]), ("read,write,execute", ["read", "write", "execute"]), ("", []),
    ("root", []), ("read,root", ["read"]), ("READ", []),
  ])
  func `hold what they include, and nothing that is not known`(granted: String, wanted: [String]) {
    let names = Scopes(granted: granted).names
    #expect(names == wanted)
  }

  @Test func `confine everybody but administrators and the local user`() {
    #expect(Caller(.key(id: "1", owner: "ada"), scopes: .read).confinement == "ada")
    #expect(Caller(.key(id: "1", owner: "root"), scopes: .all).confinement == nil)
    #expect(Caller.local.confinement == nil)
    #expect(Caller.nobody.confinement == "")
  }
}
