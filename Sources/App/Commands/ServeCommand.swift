import ArgumentParser
import Synchronization

/// `vibegrapher serve`: the daemon.
struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "serve", abstract: "Serve until SIGTERM or SIGINT.")

  func run() async throws {
    let subsystems = try Subsystems(settings: try Settings.ofProcess())
    try await subsystems.serve(until: Application.stopRequests())
  }
}
