import Services
import Testing

@Suite struct `Slugs` {
  @Test(arguments: [
    ("My Project", "my-project"), ("  Ünïcode  Straße ", "unicode-strasse"), ("Проект", "proekt"),
    ("プロジェクト", "purojekuto"),
    ("../../etc/passwd", "etc-passwd"), ("..", "project"), ("", "project"), ("😀", "project"), (".git", "git"),
    ("a/b\\c", "a-b-c"), ("CON", "con"), ("it's", "its"), ("a--b__c", "a-b-c"), ("\u{0}", "project"),
    ("\u{202E}abc", "abc"),
  ])
  func `are plain folder names`(name: String, slug: String) {
    let made = Slug.make(from: name)
    #expect(made == slug)
  }

  @Test func `are short whatever the name`() {
    let made = Slug.make(from: String(repeating: "long name ", count: 1000))
    #expect(made.utf8.count <= 60)
    #expect(!made.hasSuffix("-"))
  }

  @Test func `count on until they are free`() {
    let taken: Set = ["a", "a-1", "a-2"]
    #expect(Slug.unique("a", isTaken: taken.contains) == "a-3")
    #expect(Slug.unique("b", isTaken: taken.contains) == "b")
  }
}

@Suite(.timeLimit(.minutes(1))) struct `Keyed lock` {
  @Test func `lets one at a time in, in order, and others with other keys past`() async {
    let lock = KeyedLock()
    await withTaskGroup(of: Bool.self) { group in
      for index in 0..<100 {
        group.addTask {
          await lock.withLock("\(index % 3)") {
            let before = Task.isCancelled
            await Task.yield()
            return !before
          }
        }
      }
      for await isDone in group { #expect(isDone) }
    }
  }
}
