import ArgumentParser

/// `vibegrapher serve`: the daemon.
struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "serve", abstract: "Serve until SIGTERM or SIGINT.")

  func run() async throws {
    try await Subsystems.with(try Settings.ofProcess()) { try await $0.serve(until: Application.stopRequests()) }
  }
}
