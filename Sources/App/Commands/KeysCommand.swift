import ArgumentParser
import EventLog
import JSON
import Logging
import Services
import Store

/// `vibegrapher keys`: access keys, in the database that a running daemon may have open too.
struct KeysCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keys", abstract: "Make, list and take back access keys.",
    discussion: "A running daemon takes notice within a second. From the first key on, every request needs one.",
    subcommands: [Create.self, List.self, Revoke.self])

  /// Runs `body` with the keys of the database, and nothing else of the daemon.
  static func withKeys<T: Sendable>(_ body: @Sendable (AccessKeys) async throws -> T) async throws -> T {
    let settings = try Settings.ofProcess()
    let logger = Logger(label: "keys") {
      LineLogHandler(label: $0, level: settings.logLevel, isTerminal: LineLogHandler.isTerminal)
    }
    let journal = try Journal(store: try SQLiteStore.open(url: settings.databaseURL), logger: logger)
    let keys = try AccessKeys(journal: journal, isRequired: false)
    do {
      return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await journal.run() }
        defer { journal.stop() }
        return try await body(keys)
      }
    } catch let error as ServiceError { throw Settings.Fault(description: error.message) }
  }

  /// `vibegrapher keys create`.
  struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "create", abstract: "Make a key and print it, this once.")

    @Option(help: "Whose key it is, and whose the projects are that are made with it.") var owner: String
    @Option(help: "Some of read, write, execute, admin, with commas between.") var scopes = "read,write,execute"
    @Option(help: "After 90d, 12h, 30m; never without it.") var expires: String?
    @Option(help: "Most requests of a UTC day.") var dailyRequests: Int?
    @Option(help: "Most US dollars for models of a UTC day.") var dailyCost: Double?
    @Flag(help: "Give the projects that nobody owns to the owner.") var adopt = false

    func run() async throws {
      let order = AccessKeys.Order(
        owner: owner, scopes: scopes.split(separator: ",").map { $0.filter { !$0.isWhitespace } }, expires: expires,
        dailyRequests: dailyRequests, dailyCost: dailyCost)
      let made = try await KeysCommand.withKeys { try await $0.create(order, adopts: adopt) }
      StandardOutput.print(made.key)
      StandardError.print("key \(made.record.id) of \(made.record.owner) for \(made.record.scopes)")
      if adopt { StandardError.print("\(made.adopted) projects are \(made.record.owner)'s now") }
    }
  }

  /// `vibegrapher keys list`.
  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "List the keys, oldest first, a JSON object a line.")

    func run() async throws {
      for key in try await KeysCommand.withKeys({ try await $0.list() }) { StandardOutput.print(key.encodedText) }
    }
  }

  /// `vibegrapher keys revoke`.
  struct Revoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "revoke", abstract: "Take a key back; its connections end.")

    @Argument(help: "The key's id, as 'keys list' shows it.") var id: String

    func run() async throws {
      do { try await KeysCommand.withKeys { try await $0.revoke(id) } } catch let fault as Settings.Fault {
        throw Settings.Fault(description: "\(fault.description): no key '\(id)' is in use; see 'vibegrapher keys list'")
      }
      StandardOutput.print("key \(id) is not valid any more")
    }
  }
}
