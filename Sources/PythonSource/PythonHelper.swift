import CResources
import Glibc
import JSON
package import Platform
package import Sandbox

/// Asks CPython about Python source, in a child process that stays up.
///
/// A child that dies or hangs on some source is an answer about that source, never a fault of the daemon; the next
/// question starts another child.
package actor PythonHelper {
  /// A thread of its own, since talking to the child blocks.
  package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }
  private nonisolated let executor: ThreadExecutor
  private let installation: PythonInstallation
  private let features: SandboxFeatures
  private let timeout: Duration
  private var child: Handoff<ChildProcess>?
  private var lastID = 0

  /// How many bytes of source are looked at.
  package static var sourceLimit: Int { 4 << 20 }

  /// A helper that runs a Python, held by these features; the child starts with the first question.
  package init(
    installation: PythonInstallation, features: SandboxFeatures, timeout: Duration = .seconds(10)
  ) throws(SystemError) {
    self.installation = installation
    self.features = features
    self.timeout = timeout
    executor = try ThreadExecutor(name: "python")
  }

  /// Finds an interpreter by its name in the folders of a `PATH`.
  package static func findInterpreter(_ name: String = "python3", path: String) -> String? {
    path.split(separator: ":").lazy.map { "\($0)/\(name)" }.first { unsafe access($0, X_OK) == 0 }
  }

  /// What Python's own compiler says of a file.
  ///
  /// - Throws: `PythonSourceError` when there is no interpreter to ask.
  package func check(path: String, source: String) async throws -> SyntaxVerdict {
    guard source.utf8.count <= Self.sourceLimit else {
      return .invalid(SyntaxFault(type: "ValueError", message: "\(path) has more than \(Self.sourceLimit) bytes"))
    }
    lastID += 1
    let question: JSONValue = ["id": .integer(lastID), "op": "check", "path": .string(path), "source": .string(source)]
    guard let answer = try await ask(question) else {
      return .invalid(SyntaxFault(type: "ParserDied", message: "the parser died on \(path)"))
    }
    guard answer["ok"]?.bool == true else {
      return .invalid(
        SyntaxFault(
          type: answer["type"]?.string ?? "SyntaxError", message: answer["message"]?.string ?? "invalid syntax",
          line: answer["line"]?.integer, column: answer["column"]?.integer, text: answer["text"]?.string))
    }
    return .valid
  }

  /// The child's answer, or nil when it died or hung on the question.
  private func ask(_ question: JSONValue) async throws -> JSONValue? {
    let layout = try await installation.resolve()
    // From here on nothing is awaited, so that no other question comes in between.
    let child = try child?.take() ?? start(layout)
    do {
      let line = try child.exchange(question.encodedBytes, timeout: timeout, limit: 8 << 20)
      let answer = try JSONParser.parse(line)
      guard answer["id"] == question["id"] else { return nil }
      self.child = Handoff(child)
      return answer
    } catch {
      // The child is ended by its end of life; the next question starts another.
      self.child = nil
      return nil
    }
  }

  private func start(_ layout: PythonInstallation.Layout) throws -> ChildProcess {
    let file = unsafe cresources_python_helper
    let script = unsafe String(decoding: UnsafeBufferPointer(start: file.bytes, count: file.size), as: UTF8.self)
    var policy = SandboxPolicy(python: layout, ["-I", "-S", "-c", script])
    policy.fileBytes = 0
    policy.descriptors = 64
    policy.processes = 4
    // It answers for as long as the daemon runs.
    policy.processorTime = nil
    do { return try ChildProcess(policy, features: features) } catch {
      throw PythonSourceError(message: "Python source cannot be checked: \(error)")
    }
  }
}
