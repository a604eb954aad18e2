import CResources
import Glibc
package import JSON
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

  /// The agents that a file defines: objects with `id, name, variable, kind, line_start, line_end, ...`.
  ///
  /// - Throws: `PythonSourceError`, also when the file cannot be parsed.
  package func nodes(path: String, source: String) async throws -> JSONValue {
    try await answer([("op", "nodes"), ("path", .string(path)), ("source", .string(source))], "nodes")
  }

  /// An SVG document of the agents, their tools and handoffs.
  ///
  /// - Throws: `PythonSourceError`, also when the file cannot be parsed.
  package func graph(path: String, source: String) async throws -> String {
    try await answer([("op", "graph"), ("path", .string(path)), ("source", .string(source))], "svg").string ?? ""
  }

  /// The source with one definition replaced and every other byte as it was.
  ///
  /// - Throws: `PythonSourceError`, also when there is no such node or the result would not compile.
  package func replace(path: String, source: String, name: String, replacement: String) async throws -> String {
    let question: [(String, JSONValue)] = [
      ("op", "replace"), ("path", .string(path)), ("source", .string(source)), ("name", .string(name)),
      ("replacement", .string(replacement)),
    ]
    return try await answer(question, "source").string ?? ""
  }

  private func answer(_ question: [(String, JSONValue)], _ member: String) async throws -> JSONValue {
    var question = JSONObject(question)
    lastID += 1
    question["id"] = .integer(lastID)
    guard question["source"]?.string.map({ $0.utf8.count <= Self.sourceLimit }) == true else {
      throw PythonSourceError(message: "a source may have \(Self.sourceLimit) bytes", isAboutSource: true)
    }
    guard let answer = try await ask(.object(question)) else {
      throw PythonSourceError(message: "the parser died on this source", isAboutSource: true)
    }
    guard answer["ok"]?.bool == true, let value = answer[member] else {
      let fault = SyntaxFault(
        type: answer["type"]?.string ?? "SyntaxError", message: answer["message"]?.string ?? "cannot be read",
        line: answer["line"]?.integer, column: answer["column"]?.integer, text: answer["text"]?.string)
      throw PythonSourceError(message: fault.description, isAboutSource: true)
    }
    return value
  }

  /// The child's answer, or nil when it died or hung on the question.
  private func ask(_ question: JSONValue) async throws -> JSONValue? {
    let layout = try await installation.resolve()
    // From here on nothing is awaited, so that no other question comes in between.
    if let child = child?.take() {
      switch exchange(question, with: child) {
      case .answer(let answer): return answer
      case .hung: return nil
      // What has answered before may have died of something else than this question.
      case .died: break
      }
    }
    guard case .answer(let answer) = exchange(question, with: try start(layout)) else { return nil }
    return answer
  }

  private enum Exchange {
    case answer(JSONValue)
    case died
    case hung
  }

  /// Asks a child, which is kept when it answers, and otherwise ended by its end of life.
  private func exchange(_ question: JSONValue, with child: consuming ChildProcess) -> Exchange {
    self.child = nil
    do {
      let line = try child.exchange(question.encodedBytes, timeout: timeout, limit: 8 << 20)
      let answer = try JSONParser.parse(line)
      guard answer["id"] == question["id"] else { return .died }
      self.child = Handoff(child)
      return .answer(answer)
    } catch let error as SandboxError where error.code == .timedOut {
      return .hung
    } catch {
      return .died
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
