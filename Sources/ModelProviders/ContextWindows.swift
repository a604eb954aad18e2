import CResources
import JSON

/// How many tokens models read, from the data file that the executable carries.
package struct ContextWindows: Sendable {
  private let windows: [String: Int]
  private let usual: Int

  /// The windows of `context_windows.json`.
  package static let current: ContextWindows = {
    let file = unsafe cresources_context_windows
    let bytes = unsafe Array(UnsafeBufferPointer(start: file.bytes, count: file.size))
    // The file is part of the program, and a test reads it.
    let value = try? JSONParser.parse(bytes)
    let windows = (value?["models"]?.object?.members ?? []).compactMap { name, value in
      value.integer.map { (name, $0) }
    }
    return ContextWindows(
      windows: Dictionary(windows) { $1 }, usual: value?["default"]?.integer ?? 128_000)
  }()

  /// The names that have a window of their own.
  package var models: [String] { windows.keys.sorted() }

  /// The window of a model; a name that is not known has that of most models.
  package func tokens(of model: String) -> Int {
    let name = windows.keys.filter { model == $0 || model.hasPrefix($0 + "-") }.max { $0.count < $1.count }
    return name.flatMap { windows[$0] } ?? usual
  }
}
