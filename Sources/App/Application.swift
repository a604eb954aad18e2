import ArgumentParser
import Foundation
import Synchronization

/// The program as a whole: its signals, its command line, its exit codes.
package enum Application {
  private static let requests = Mutex<StopRequests?>(nil)

  /// Runs the command line and exits.
  ///
  /// Must be called first thing.
  package static func main() async {
    do {
      let stopRequests = try StopRequests()
      requests.withLock { $0 = stopRequests }
    } catch {
      fail("\(error)")
    }
    do {
      var command = try VibegrapherCommand.parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch let fault as Settings.Fault {
      fail(fault.description)
    } catch  where VibegrapherCommand.exitCode(for: error) == .failure && !(error is ExitCode) {
      fail("\(error)")
    } catch {
      VibegrapherCommand.exit(withError: error)
    }
  }

  private static func fail(_ message: String) -> Never {
    // Nothing can be done about a standard error that is closed.
    try? FileHandle.standardError.write(contentsOf: Data("vibegrapher: \(message)\n".utf8))
    exit(1)
  }

  /// The signals of the process.
  static func stopRequests() -> StopRequests {
    guard let requests = requests.withLock({ $0 }) else { preconditionFailure("main has not been called") }
    return requests
  }
}
