/// Which file of a project is its code.
enum EntryFile {
  /// The names that go before all others.
  static let names = ["agents.py", "main.py"]

  /// `agents.py`, else `main.py`, else the first `.py` by path, those at the top first.
  static func choose(from paths: some Sequence<String>) -> String? {
    let python = paths.filter { $0.hasSuffix(".py") }
    return names.first(where: python.contains)
      ?? python.min { left, right in
        let (depthLeft, depthRight) = (left.filter { $0 == "/" }.count, right.filter { $0 == "/" }.count)
        return depthLeft == depthRight ? left < right : depthLeft < depthRight
      }
  }
}
