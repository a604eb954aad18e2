import Glibc
import Platform
import Testing

@Suite(.timeLimit(.minutes(1))) struct `Thread for the disk` {
  private func niceness(of thread: DiskThread) async -> Int32 {
    await thread.run { getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0) }
  }

  @Test func `lets the others go first when it is to, and it alone`() async throws {
    let (usual, nice) = (try DiskThread(), try DiskThread(niceness: 10))
    let before = await niceness(of: usual)
    #expect(await niceness(of: nice) == max(10, before))
    #expect(await niceness(of: usual) == before)
  }
}
