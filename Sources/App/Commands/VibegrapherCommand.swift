import ArgumentParser

/// The program's command line.
struct VibegrapherCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vibegrapher",
    abstract: "The back end of an AI-coding product: agents propose, people review, git keeps.",
    discussion: "Settings come from the environment and from .env; .env.example lists them.",
    version: "1.0.0",
    subcommands: [
      ServeCommand.self, MigrateCommand.self, ResetDatabaseCommand.self, SeedCommand.self, KeysCommand.self,
      ModelServerCommand.self,
      OpenAPICommand.self, HealthcheckCommand.self,
    ], defaultSubcommand: ServeCommand.self)

  /// The command that has subcommands only.
  init() {}
}
