import ArgumentParser
import EventLog
import GRDB
import Services
import Store

/// `vibegrapher migrate`: brings the database to the program's schema.
struct MigrateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "migrate", abstract: "Bring the database to this program's schema.")

  func run() async throws {
    let settings = try Settings.ofProcess()
    let store = try SQLiteStore.open(url: settings.databaseURL)
    try store.pool.close()
    StandardOutput.print("\(settings.databaseURL) has \(Migrations.files.map(\.name).joined(separator: ", "))")
  }
}

/// `vibegrapher seed`: makes the sample project.
struct SeedCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "seed", abstract: "Make the sample project.")

  func run() async throws {
    try await Subsystems.with(try Settings.ofProcess()) { try await SeedReport.seed($0) }
  }
}

/// `vibegrapher reset-db`: drops the database and the projects, migrates, seeds.
struct ResetDatabaseCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reset-db", abstract: "Drop the database with its projects, migrate, and make the sample project.")

  @Flag(name: .customLong("test-db"), help: "Reset TEST_DATABASE_URL, and its projects under MEDIA_PATH, instead.")
  var usesTestDatabase = false

  func run() async throws {
    let settings = try Settings.ofProcess()
    let url = usesTestDatabase ? settings.testDatabaseURL : settings.databaseURL
    try await removeProjects(settings, url)
    try SQLiteStore.remove(url: url)
    try await Subsystems.with(settings, databaseURL: url) { try await SeedReport.seed($0) }
  }

  /// Removes the repositories of the projects that the database knows, and no other folder.
  private func removeProjects(_ settings: Settings, _ url: String) async throws {
    try await Subsystems.with(settings, databaseURL: url) { subsystems in
      try await subsystems.withJournal {
        for project in try await subsystems.projects.all() { try await subsystems.projects.delete(project.id) }
      }
      try subsystems.journal.store.pool.close()
    }
  }
}

/// Seeds a database and prints what it made.
enum SeedReport {
  static func seed(_ subsystems: Subsystems) async throws {
    let made = try await subsystems.withJournal { try await subsystems.seed.run() }
    let verb = made.isNew ? "made" : "found"
    StandardOutput.print("\(verb) project '\(made.project.name)' (\(made.project.slug)) \(made.project.id)")
    StandardOutput.print("  repository \(made.project.repositoryPath) at \(made.project.currentCommit ?? "no commit")")
    for test in made.tests {
      StandardOutput.print("  test '\(test.name)'\(test.quickTest ? " (quick)" : "") \(test.id)")
    }
  }
}
