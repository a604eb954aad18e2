import Foundation
package import JSON
import PythonSource
package import Sandbox

/// What a client wants a terminal to be.
package struct TerminalOrder: Sendable {
  /// The project in whose work tree it runs.
  package let project: String
  /// The program and its arguments; empty for the shell.
  package let command: [String]
  /// Its size.
  package let size: TerminalSize
  /// More of its environment.
  package let environment: [String: String]

  /// An order of these.
  ///
  /// `command` is a text for the shell, or an array of the program and its arguments.
  ///
  /// - Throws: `ServiceError.invalid`.
  package init(
    project: String, command: JSONValue, size: TerminalSize, environment: JSONValue
  ) throws(ServiceError) {
    self.project = project
    self.command = try Self.words(command)
    self.size = size
    self.environment = try Self.variables(environment)
  }

  private static func words(_ value: JSONValue) throws(ServiceError) -> [String] {
    func fault(_ message: String) -> ServiceError { ServiceError(.invalid, message, location: ["body", "command"]) }
    if value.isNull { return [] }
    let words: [String]
    if let text = value.string {
      guard !text.isEmpty else { return [] }
      words = ["/bin/sh", "-c", text]
    } else {
      guard let array = value.array, array.allSatisfy({ $0.string != nil }) else {
        throw fault("command must be a text for the shell, or an array of the program and its arguments")
      }
      words = array.compactMap(\.string)
      guard words.first != "" else { throw fault("command must begin with the name of a program") }
    }
    guard words.allSatisfy({ !$0.utf8.contains(0) }) else { throw fault("command must not contain NUL") }
    guard words.reduce(0, { $0 + $1.utf8.count }) <= 64 << 10, words.count <= 1000 else {
      throw fault("command must have at most 65536 bytes in at most 1000 words")
    }
    return words
  }

  private static func variables(_ value: JSONValue) throws(ServiceError) -> [String: String] {
    func fault(_ message: String) -> ServiceError { ServiceError(.invalid, message, location: ["body", "env"]) }
    if value.isNull { return [:] }
    guard let members = value.object?.members, members.count <= 100 else {
      throw fault("env must be an object of at most 100 variables")
    }
    var variables: [String: String] = [:]
    for (name, value) in members {
      guard name.wholeMatch(of: /[A-Za-z_][A-Za-z0-9_]{0,99}/) != nil else {
        throw fault("a variable is named by letters, digits and _, found '\(name.prefix(100))'")
      }
      guard let text = value.string, text.utf8.count <= 4096, !text.utf8.contains(0) else {
        throw fault("the variable \(name) must be a text of at most 4096 bytes without NUL")
      }
      variables[name] = text
    }
    return variables
  }
}

extension TerminalOrder {
  /// Settings of the system that interactive programs look for; shown where the machine has them.
  private static let configuration = ["/etc/vim", "/etc/inputrc", "/etc/terminfo"]
  private static let systemPath = "/usr/local/bin:/usr/bin:/bin"

  /// What is run: in the project's work tree, which it may write to, with the Python of the tests in `PATH`.
  ///
  /// - Throws: `TerminalNotStarted` for a program that is nowhere in `PATH`.
  func policy(workTree: String, python: PythonInstallation.Layout?, bounds: TerminalBounds, isPrivate: Bool)
    throws(TerminalNotStarted) -> SandboxPolicy
  {
    let files = FileManager.default
    let folder = python.map { layout in
      String(layout.executable.prefix(upTo: layout.executable.lastIndex(of: "/") ?? layout.executable.startIndex))
    }
    var variables = [
      "PATH": [folder, Self.systemPath].compactMap(\.self).joined(separator: ":"), "TERM": "xterm-256color",
      "COLORTERM": "truecolor", "SHELL": Self.shell, "USER": "sandbox", "LOGNAME": "sandbox",
    ]
    // The work tree is the project's: what programs put into the home folder goes with the terminal.
    if isPrivate { variables.merge(["HOME": "/tmp", "TMPDIR": "/tmp"]) { $1 } }
    var words = command
    if words.isEmpty {
      words = [Self.shell]
      variables["PS1"] = Self.shell.hasSuffix("bash") ? "\\w\\$ " : "$ "
    }
    variables.merge(environment) { $1 }
    let program = try Self.find(words[0], in: variables["PATH"] ?? Self.systemPath)
    var policy = SandboxPolicy(program, Array(words.dropFirst()))
    policy.environment = variables
    policy.workFolder = workTree
    policy.binds = (python?.folders ?? []).map { .init($0) }
    policy.binds += Self.configuration.filter { files.fileExists(atPath: $0) }.map { .init($0) }
    policy.hasNetwork = bounds.hasNetwork
    policy.processorTime = nil
    policy.memoryBytes = bounds.memoryBytes
    policy.processes = bounds.processes
    policy.descriptors = 1024
    policy.fileBytes = 4 << 30
    policy.workBytes = 256 << 20
    return policy
  }

  private static let shell = FileManager.default.isExecutableFile(atPath: "/bin/bash") ? "/bin/bash" : "/bin/sh"

  /// A name without a slash is looked for in `PATH`; the sandbox shows the system's folders as they are here.
  private static func find(_ name: String, in path: String) throws(TerminalNotStarted) -> String {
    guard !name.contains("/") else { return name }
    let candidates = path.split(separator: ":").map { "\($0)/\(name)" }
    if let found = candidates.first(where: FileManager.default.isExecutableFile) { return found }
    throw TerminalNotStarted(message: "cannot start \(name): there is no such program in \(path)")
  }
}

/// Why a terminal's program could not be started.
struct TerminalNotStarted: Error {
  let message: String
}
