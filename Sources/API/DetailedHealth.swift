import EventLog
import Foundation
import Git
import JSON
import Platform
import Sandbox
import Server
import Services
import Store
import Synchronization

/// How each part of the daemon is (R67): what is asked of the machine is asked on a thread that may wait.
final class DetailedHealth: Sendable {
  /// Where Docker listens, when it is there.
  private static let dockerSocket = "/var/run/docker.sock"
  /// Files that are looked at to tell the size of the projects.
  private static let filesLimit = 200_000
  private static let sizeLifetime: Duration = .seconds(60)

  private let parts: WebAPI.Parts
  private let configuration: APIConfiguration
  private let thread: DiskThread
  private let projectsSize = Mutex<(bytes: Int, at: ContinuousClock.Instant)?>(nil)

  init(_ parts: WebAPI.Parts, _ configuration: APIConfiguration) throws {
    self.parts = parts
    self.configuration = configuration
    thread = try DiskThread()
  }

  /// What `basics` says, and the rest; the counts of others' things only for a caller who may see them.
  func report(basics: JSONObject, for caller: Caller) async throws -> JSONValue {
    var object = basics
    let facts = await databaseFacts(owner: caller.confinement)
    let storage = await storageFacts()
    let checks: [(String, Bool?)] = [
      ("database", facts != nil), ("migrations", facts?.isMigrated ?? false), ("storage", storage.isWritable),
      ("git", await gitAnswers()), ("sandbox", parts.testRunner.sandbox.isSufficient), ("docker", storage.docker),
      ("provider", parts.isProviderWell()),
    ]
    let counted = checks.compactMap(\.1)
    if facts != nil { object["status"] = counted.allSatisfy(\.self) ? "healthy" : "degraded" }
    object["checks"] = .object(JSONObject(checks.map { ($0.0, $0.1.map { .bool($0) } ?? .null) }))
    object["health_score"] = .string("\(counted.filter(\.self).count)/\(counted.count)")
    object["migration_version"] = JSONValue(facts?.migration)
    for (name, count) in facts?.counts ?? [] { object["\(name)_count"] = .integer(count) }
    object["storage_path"] = .string(configuration.storagePath)
    object["storage_writable"] = .bool(storage.isWritable)
    object["sizes"] = .object(JSONObject(storage.sizes.map { ($0.0, .integer($0.1)) }))
    object["sandbox"] = sandbox
    return .object(object)
  }

  private var sandbox: JSONValue {
    let sandbox = parts.testRunner.sandbox
    return [
      "features": .array(sandbox.features.names.map { .string($0) }),
      "missing": .array(sandbox.missing.names.map { .string($0) }), "landlock": .integer(Sandbox.landlockVersion),
      "sufficient": .bool(sandbox.isSufficient),
    ]
  }

  /// Nil when the database does not answer.
  private func databaseFacts(
    owner: String?
  ) async -> (migration: String?, isMigrated: Bool, counts: [(String, Int)])? {
    do {
      return try await parts.projects.journal.store.read { db in
        let migrations = try db.appliedMigrations()
        return (
          migrations.last, Set(migrations) == Set(Migrations.files.map(\.name)), try db.objectCounts(owner: owner)
        )
      }
    } catch { return nil }
  }

  /// Whether the newest project's repository can be read.
  private func gitAnswers() async -> Bool {
    do {
      guard let project = try await parts.projects.all(page: Page(limit: 1, after: nil)).first else { return true }
      _ = try await parts.projects.repositories.reader(project.repositoryPath).head()
      return true
    } catch { return false }
  }

  private func storageFacts() async -> (isWritable: Bool, docker: Bool?, sizes: [(String, Int)]) {
    let (storage, database) = (configuration.storagePath, configuration.databasePath)
    let isDue = projectsSize.withLock { $0.map { $0.at.duration(to: .now) > Self.sizeLifetime } ?? true }
    let socket = Self.dockerSocket
    let facts = try? await thread.run { () throws -> (isWritable: Bool, docker: Bool?, sizes: [(String, Int)]) in
      if isDue {
        let bytes = Self.size(of: storage)
        self.projectsSize.withLock { $0 = (bytes, .now) }
      }
      let docker: Bool? =
        LocalSocket.exists(socket)
        ? LocalSocket.answers(socket, to: "GET /_ping HTTP/1.0\r\n\r\n", with: "HTTP/1.0 200") : nil
      var sizes = ["", "-wal"].map { ("database\($0.isEmpty ? "" : "_wal")_bytes", Self.bytes(of: database + $0)) }
      sizes.append(("storage_bytes", self.projectsSize.withLock { $0?.bytes ?? 0 }))
      let system = try? FileManager.default.attributesOfFileSystem(forPath: storage)
      for (name, key) in [("free", FileAttributeKey.systemFreeSize), ("total", .systemSize)] {
        sizes.append(("storage_\(name)_bytes", (system?[key] as? NSNumber)?.intValue ?? 0))
      }
      return (Self.isWritable(storage), docker, sizes)
    }
    return facts ?? (false, nil, [])
  }

  /// Whether a file can be made in a folder: one is made, since permissions do not tell of a full or read-only disk.
  private static func isWritable(_ folder: String) -> Bool {
    let probe = "\(folder)/.probe-\(UUIDv7.make())"
    guard FileManager.default.createFile(atPath: probe, contents: Data("probe".utf8)) else { return false }
    do { try FileManager.default.removeItem(atPath: probe) } catch { return false }
    return true
  }

  private static func bytes(of path: String) -> Int {
    // A file that is not there has no bytes.
    (try? FileManager.default.attributesOfItem(atPath: path))?[.size].flatMap { ($0 as? NSNumber)?.intValue } ?? 0
  }

  private static func size(of folder: String) -> Int {
    let keys: [URLResourceKey] = [.fileSizeKey, .isRegularFileKey]
    guard
      let files = FileManager.default.enumerator(at: URL(fileURLWithPath: folder), includingPropertiesForKeys: keys)
    else { return 0 }
    var (bytes, seen) = (0, 0)
    for case let file as URL in files {
      seen += 1
      guard seen < filesLimit else { break }
      // A file may go while it is looked at.
      let values = try? file.resourceValues(forKeys: Set(keys))
      if values?.isRegularFile == true { bytes += values?.fileSize ?? 0 }
    }
    return bytes
  }
}
