import Platform
import Testing

@Suite(.timeLimit(.minutes(1))) struct `Event loop` {
  /// An actor that lives on a loop.
  @safe private actor Resident {
    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }
    private var waiter: UnsafeContinuation<Void, Never>?
    private(set) var isOnLoop = true

    init(loop: EventLoop) { self.loop = loop }

    func check() { isOnLoop = isOnLoop && loop.isCurrent }

    func wait() async {
      check()
      unsafe await withUnsafeContinuation { unsafe waiter = $0 }
      check()
    }

    func wake() -> Bool {
      check()
      guard let waiter = unsafe waiter else { return false }
      unsafe self.waiter = nil
      unsafe waiter.resume()
      return true
    }

    func yieldOften() async {
      for _ in 0..<100 {
        await loop.yield()
        check()
      }
    }
  }

  @Test func `runs its actors on its own thread, before and after waits`() async throws {
    let loop = try EventLoop(name: "test")
    let resident = Resident(loop: loop)
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<200 {
        group.addTask(executorPreference: loop.taskExecutor) { await resident.wait() }
        var isWoken = false
        while !isWoken { isWoken = await resident.wake() }
      }
      group.addTask(executorPreference: loop.taskExecutor) { await resident.yieldOften() }
    }
    let isOnLoop = await resident.isOnLoop
    #expect(isOnLoop)
    loop.stop()
  }

  @Test func `takes jobs from many threads`() async throws {
    let loop = try EventLoop(name: "test")
    let resident = Resident(loop: loop)
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<64 {
        group.addTask { for _ in 0..<200 { await resident.check() } }
      }
    }
    let isOnLoop = await resident.isOnLoop
    #expect(isOnLoop)
    loop.stop()
  }
}

@Suite(.timeLimit(.minutes(1))) struct `Thread executor` {
  private actor Counter {
    nonisolated let executor: ThreadExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }
    private(set) var count = 0
    init(_ executor: ThreadExecutor) { self.executor = executor }
    func add() { count += 1 }
  }

  @Test func `does one thing after another`() async throws {
    let executor = try ThreadExecutor(name: "test")
    let counter = Counter(executor)
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<50 { group.addTask { for _ in 0..<100 { await counter.add() } } }
    }
    let count = await counter.count
    #expect(count == 5000)
    executor.stop()
  }
}

extension `Thread executor` {
  /// Owns its executor, and with its last job lets go of it.
  private actor Owner {
    nonisolated let executor: ThreadExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }
    init() throws { executor = try ThreadExecutor(name: "test") }
    deinit { executor.stop() }
    func work(_ number: Int) -> Int { number + 1 }
  }

  @Test func `outlives the calls of an owner that goes with its last job`() async throws {
    let sum = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<8 {
        group.addTask {
          var sum = 0
          for number in 0..<500 { sum += try await Owner().work(number) }
          return sum
        }
      }
      return try await group.reduce(0, +)
    }
    #expect(sum == 8 * (1...500).reduce(0, +))
  }
}

@Suite struct `Secrets` {
  @Test func `does not show itself`() {
    let secret = Secret("sk-very-secret")
    var dumped = ""
    dump(secret, to: &dumped)
    for text in ["\(secret)", String(reflecting: secret), dumped, "\([secret])"] {
      #expect(!text.contains("very"))
    }
    #expect(secret.revealed == "sk-very-secret")
  }
}
