import Glibc
import JSON
import Platform
package import Sandbox

/// The Python that runs what users wrote: where it is, and which folders it needs to be shown in a sandbox.
///
/// The interpreter of the settings may be a script that looks for one (pyenv), or one of a virtual environment, so it is
/// asked itself, once, when it is first needed.
package actor PythonInstallation {
  /// What is needed to run it in a sandbox.
  package struct Layout: Hashable, Sendable {
    /// The interpreter, absolute.
    package let executable: String
    /// Folders beside the system's own that it is made of.
    package let folders: [String]
  }

  /// The folders of the system that every sandbox sees.
  private static let systemFolders = ["/usr/", "/bin/", "/lib/", "/lib64/", "/sbin/"]
  private static let question = """
    import json, os, sys
    real = os.path.realpath(sys.executable)
    print(json.dumps({"executable": sys.executable, "folders": sorted({sys.prefix, sys.exec_prefix, sys.base_prefix,
          sys.base_exec_prefix, os.path.dirname(os.path.dirname(real))})}))
    """

  private let interpreter: String
  private let environment: [String: String]
  private var state = State.unknown
  private var waiters: [CheckedContinuation<Result<Layout, PythonSourceError>?, Never>] = []

  private enum State {
    case unknown, asking
    case known(Layout)
  }

  /// The interpreter at an absolute path, asked with this environment.
  package init(interpreter: String, environment: [String: String]) {
    self.interpreter = interpreter
    self.environment = environment
  }

  /// Where it is.
  ///
  /// - Throws: `PythonSourceError` when it cannot be asked.
  package func resolve() async throws(PythonSourceError) -> Layout {
    while true {
      switch state {
      case .known(let layout): return layout
      case .unknown: return try await askForAll()
      case .asking: if let answer = await next() { return try answer.get() }
      }
    }
  }

  /// Asks, and tells all who came meanwhile: who fails is asked again by the next one only.
  private func askForAll() async throws(PythonSourceError) -> Layout {
    state = .asking
    let answer: Result<Layout, PythonSourceError>
    do {
      let layout = try await ask()
      (answer, state) = (.success(layout), .known(layout))
    } catch { (answer, state) = (.failure(error), .unknown) }
    // What failed because it was cancelled says nothing to the others.
    let isTold = !Task.isCancelled
    for waiter in waiters { waiter.resume(returning: isTold ? answer : nil) }
    waiters = []
    return try answer.get()
  }

  /// What the asking that is at hand finds; nil when it has to be looked up.
  private func next() async -> Result<Layout, PythonSourceError>? {
    await withCheckedContinuation { continuation in
      if case .asking = state { waiters.append(continuation) } else { continuation.resume(returning: nil) }
    }
  }

  private func ask() async throws(PythonSourceError) -> Layout {
    // Not confined: this is the user's own choice of a program, and it may need all of their machine to be found.
    var policy = SandboxPolicy(interpreter, ["-I", "-c", Self.question])
    policy.environment = environment
    policy.wallTime = .seconds(20)
    let result: SandboxResult
    do { result = try await Sandbox(features: .limits).run(policy) } catch {
      throw PythonSourceError(message: "Python cannot be started: \(error)")
    }
    guard case .exited(0) = result.end, let answer = try? JSONParser.parse(result.output),
      let executable = answer["executable"]?.string, let folders = answer["folders"]?.array
    else {
      let said = String(decoding: result.errors.suffix(300), as: UTF8.self)
      throw PythonSourceError(message: "\(interpreter) is no Python that can be used (\(result.end)): \(said)")
    }
    let own = folders.compactMap(\.string).filter { folder in
      folder.hasPrefix("/") && folder != "/" && !Self.systemFolders.contains { "\(folder)/".hasPrefix($0) }
    }
    return Layout(executable: executable, folders: own)
  }
}

extension SandboxPolicy {
  /// A program that is run by a Python.
  package init(python layout: PythonInstallation.Layout, _ arguments: [String]) {
    self.init(layout.executable, arguments)
    binds = layout.folders.map { Bind($0) }
  }
}
