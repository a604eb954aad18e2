import Foundation
import Git
import Platform
package import Sandbox
import Synchronization

/// What a clone or a push may use.
package struct TransferBounds: Sendable {
  /// Time of each.
  package var timeout: Duration
  /// Bytes of a repository, and of the files of its newest commit.
  package var bytes: Int

  /// Bounds.
  package init(timeout: Duration, bytes: Int) {
    self.timeout = timeout
    self.bytes = bytes
  }
}

/// Moves commits over the network: by `git` in a process of its own, which is held like a test but has the network.
///
/// A server may be hostile, and what it sends is unpacked by C code with a history of faults. In the sandbox a crash, a
/// bomb or worse is the end of that process alone; it sees no other project, and whatever it does, it is ended at the
/// limits of time and memory. It never reads a configuration, hook or credential of this machine, and of a clone nothing
/// is taken but packs, under names that are checked: no configuration, hook, link or alternate.
package struct GitTransfer: Sendable {
  /// Where a clone stands, for people who wait.
  package struct Progress: Hashable, Sendable {
    /// In git's words, as `Receiving objects`.
    package var phase: String
    /// From 0 to 100.
    package var percent: Int
    /// On the disk.
    package var bytes: Int
  }

  /// A clone that is complete.
  struct Clone: Sendable {
    let branch: String
    let commit: String
  }

  let sandbox: Sandbox
  let bounds: TransferBounds

  /// Transfers in that sandbox.
  package init(sandbox: Sandbox, bounds: TransferBounds) {
    self.sandbox = sandbox
    self.bounds = bounds
  }

  /// The name of the bare repository that a clone makes in its folder.
  static let cloneName = "in.git"

  /// Clones the default branch of a repository into `FOLDER/in.git`.
  ///
  /// - Throws: `ServiceError`; what is in the folder then is for the caller to remove.
  func clone(
    _ address: CloneAddress, into folder: String, progress: @escaping @Sendable (Progress) async -> Void
  ) async throws -> Clone {
    // Loose objects come from servers that have only files to offer; they are packed, since packs are all that is taken.
    // A file above the limit is an error to be told of, not a signal.
    let script = """
      set -e
      trap '' XFSZ
      git clone --bare --single-branch --no-tags --template= --progress -- "$1" \(Self.cloneName)
      cd \(Self.cloneName)
      test -z "$(find objects -path 'objects/??/*' -type f -print -quit)" || git repack -d -q
      git symbolic-ref -q HEAD || echo refs/heads/main
      git rev-parse --verify -q 'HEAD^{commit}' || { echo 'fatal: the repository has no commit' >&2; exit 1; }
      """
    var policy = policy(script, [address.text], scheme: address.scheme)
    policy.workFolder = URL(fileURLWithPath: folder).path
    let watch = TransferWatch(folder: folder, limit: bounds.bytes)
    let result = try await run(policy, watch, progress)
    guard !watch.isTooLarge, !String(decoding: result.errors, as: UTF8.self).contains("File too large") else {
      throw Self.tooLarge(bounds.bytes)
    }
    guard result.end == .exited(0), !result.isKilledByLimit else { throw failure(of: result, doing: "clone") }
    let lines = String(decoding: result.output, as: UTF8.self).split(separator: "\n").map(String.init)
    guard lines.count == 2, ObjectID(lines[1]) != nil else {
      throw ServiceError(.upstream, "git could not clone it: it named no branch and commit")
    }
    let branch = lines[0].hasPrefix("refs/heads/") ? String(lines[0].dropFirst("refs/heads/".count)) : ""
    return Clone(branch: Self.isPlain(branch) ? branch : "main", commit: lines[1])
  }

  static func tooLarge(_ bytes: Int) -> ServiceError {
    ServiceError(
      .invalid, "the repository is larger than \(bytes >> 20) MB (MAX_REPO_SIZE_MB)", location: ["body", "clone_url"])
  }

  /// Whether a branch may have that name here: it becomes part of paths.
  private static func isPlain(_ branch: String) -> Bool {
    branch.wholeMatch(of: /[A-Za-z0-9_][A-Za-z0-9._\/\-]{0,199}/) != nil && !branch.contains("..")
      && !branch.contains("//") && !branch.hasSuffix("/")
      && branch.split(separator: "/").allSatisfy { !$0.hasPrefix(".") && !$0.hasSuffix(".") && !$0.hasSuffix(".lock") }
  }

  /// Runs git, while its folder and its progress are watched.
  private func run(
    _ policy: SandboxPolicy, _ watch: TransferWatch, _ progress: @escaping @Sendable (Progress) async -> Void
  ) async throws -> SandboxResult {
    do {
      return try await withThrowingTaskGroup(of: SandboxResult?.self) { group in
        group.addTask { try await self.sandbox.run(policy, observer: watch.observe) }
        group.addTask {
          await watch.run(progress)
          return nil
        }
        defer { group.cancelAll() }
        while let ended = try await group.next() {
          if let ended { return ended }
          // The watch ends first when there is too much: its end is the end of git, whose result follows.
          group.cancelAll()
        }
        throw CancellationError()
      }
    } catch let error as SandboxError {
      throw ServiceError(.unavailable, "git cannot be run: \(error)")
    }
  }

  /// Pushes a commit of a repository to a branch elsewhere; the secret goes to that host alone.
  ///
  /// - Throws: `ServiceError`, `.conflict` when the branch there has other commits.
  func push(_ commit: ObjectID, of repository: String, to address: CloneAddress, branch: String, token: Secret)
    async throws
  {
    // A repository of its own that borrows the objects: the project's configuration, which the user's programs may
    // write to, is never read.
    let script = """
      set -e
      git init -q --bare --template= out.git
      mkdir -p out.git/objects/info
      printf '%s\\n' "$2" > out.git/objects/info/alternates
      cd out.git
      git push --no-verify --porcelain -- "$1" "$3:refs/heads/$4"
      """
    let objects = URL(fileURLWithPath: "\(repository)/.git/objects").path
    var policy = policy(script, [address.text, objects, commit.hex, branch], scheme: address.scheme)
    policy.binds.append(.init(objects))
    policy.readsOwnFiles = true
    let login = Data("x-access-token:\(token.revealed)".utf8).base64EncodedString()
    Self.configure(&policy, Self.settings + [("http.extraHeader", "Authorization: Basic \(login)")])
    let result: SandboxResult
    do { result = try await sandbox.run(policy) } catch let error as SandboxError {
      throw ServiceError(.unavailable, "git cannot be run: \(error)")
    }
    guard result.end != .exited(0) || result.isKilledByLimit else { return }
    let said = String(decoding: result.output + result.errors, as: UTF8.self)
    if said.contains("[rejected]") {
      throw ServiceError(.conflict, "the branch \(branch) at \(address) has commits that this project does not have")
    }
    throw failure(of: result, doing: "push")
  }

  private func policy(_ script: String, _ arguments: [String], scheme: String) -> SandboxPolicy {
    var policy = SandboxPolicy("/bin/sh", ["-c", script, "git"] + arguments)
    policy.hasNetwork = true
    policy.wallTime = bounds.timeout
    policy.processorTime = bounds.timeout
    policy.fileBytes = bounds.bytes
    policy.memoryBytes = 1 << 30
    policy.outputBytes = 64 << 10
    policy.environment = [
      "GIT_ALLOW_PROTOCOL": scheme, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null",
      "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "/bin/false",
    ]
    Self.configure(&policy, Self.settings)
    return policy
  }

  /// Faults that old tools left in many histories and that do no harm are let pass; hostile paths are not.
  private static let settings: [(String, String)] =
    [
      ("http.followRedirects", "false"), ("credential.helper", ""), ("core.hooksPath", "/dev/null"),
      ("safe.directory", "*"), ("gc.auto", "0"), ("init.defaultBranch", "main"), ("submodule.recurse", "false"),
      ("transfer.bundleURI", "false"), ("fetch.unpackLimit", "1"), ("fetch.fsckObjects", "true"),
      ("core.bigFileThreshold", "16m"), ("pack.threads", "2"), ("pack.windowMemory", "64m"),
    ]
    + [
      "zeroPaddedFilemode", "badTimezone", "missingSpaceBeforeDate", "missingSpaceBeforeEmail", "missingEmail",
      "missingNameBeforeEmail", "zeroPaddedDate", "badDateOverflow", "multipleAuthors", "gitmodulesParse",
      "gitmodulesUrl", "gitmodulesName",
    ].map { ("fetch.fsck.\($0)", "ignore") }

  private static func configure(_ policy: inout SandboxPolicy, _ settings: [(String, String)]) {
    policy.environment["GIT_CONFIG_COUNT"] = "\(settings.count)"
    for (index, (name, value)) in settings.enumerated() {
      policy.environment["GIT_CONFIG_KEY_\(index)"] = name
      policy.environment["GIT_CONFIG_VALUE_\(index)"] = value
    }
  }

  /// Why git ended without having done it.
  private func failure(of result: SandboxResult, doing what: String) -> ServiceError {
    guard !sandbox.isStopping, !result.isCancelled else {
      return ServiceError(.unavailable, "the daemon is stopping; ask again")
    }
    guard result.end != .exited(127) else {
      return ServiceError(.unavailable, "the daemon's machine has no git; install it and ask again")
    }
    let limit = result.isKilledByLimit ? result.limits.first : nil
    if limit == .wall || limit == .cpu {
      return ServiceError(.upstream, "git took longer than \(bounds.timeout.components.seconds) s (CLONE_TIMEOUT)")
    }
    if let limit { return ServiceError(.upstream, "git was ended at its limit of \(limit.rawValue)") }
    let fault = Self.fault(in: String(decoding: result.errors, as: UTF8.self))
    let location = what == "clone" ? ["body", "clone_url"] : []
    if fault.contains("redirect") || fault.firstMatch(of: /error: 30[12378]/) != nil {
      return ServiceError(
        .invalid, "the server redirects to another address, which is not followed: name that one", location: location)
    }
    let isUnknown =
      fault.hasSuffix("not found") || fault.contains("could not read Username")
      || fault.firstMatch(of: /Authentication failed|error: 40[134]|has no commit/) != nil
    guard isUnknown, what == "clone" else { return ServiceError(.upstream, "git could not \(what): \(fault)") }
    let reason = fault.contains("has no commit") ? "it has no commit" : "there is none that anybody may read"
    return ServiceError(.invalid, "the repository cannot be cloned: \(reason)", location: location)
  }

  /// git's last word on what went wrong, one line.
  private static func fault(in errors: String) -> String {
    let lines = errors.split(whereSeparator: \.isNewline).filter { $0.hasPrefix("fatal: ") || $0.hasPrefix("error: ") }
    guard let line = lines.first(where: { $0.hasPrefix("fatal: ") }) ?? lines.last else { return "it said nothing" }
    let plain = line.dropFirst("fatal: ".count).unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7F }
    return String(String(String.UnicodeScalarView(plain)).prefix(300))
  }
}
