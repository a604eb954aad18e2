/// Applies a unified diff to files in memory.
///
/// A hunk goes where its context is: at the line its header says, else at the nearest place that matches, else, as
/// patch(1) does, without up to three lines of context at its ends. Hunks follow each other and never overlap. What
/// does not fit is refused with the file and the hunk named; nothing is half applied.
struct PatchApplier {
  /// The content of a file before the diff, nil when there is none.
  typealias Lookup = (RepositoryPath) throws -> TreeFile?

  private let lookup: Lookup
  private var changes: [RepositoryPath: TreeFile?] = [:]
  private var order: [RepositoryPath] = []

  private init(_ lookup: @escaping Lookup) { self.lookup = lookup }

  /// The files that the diff changes, in its order, with their new content, or nil for a deleted one.
  static func apply(
    _ diff: UnifiedDiff, lookup: @escaping Lookup
  ) throws -> [(path: RepositoryPath, file: TreeFile?)] {
    var applier = PatchApplier(lookup)
    for file in diff.files { try applier.apply(file) }
    return applier.order.map { ($0, applier.changes[$0] ?? nil) }
  }

  private func present(_ path: RepositoryPath) throws -> TreeFile? {
    if let change = changes[path] { return change }
    return try lookup(path)
  }

  private mutating func put(_ path: RepositoryPath, _ file: TreeFile?) {
    if changes.updateValue(file, forKey: path) == nil { order.append(path) }
  }

  private mutating func apply(_ change: UnifiedDiff.FileChange) throws {
    let paths = try meant(change)
    let (old, new) = (try paths.old.map(Self.checked), try paths.new.map(Self.checked))
    guard let old else {
      guard let new else { throw PatchError(.malformed, "a change must name a file") }
      return try create(new, change)
    }
    guard let file = try present(old) else {
      throw PatchError(.missingFile, "\(old) is to be changed but is not there")
    }
    guard let new else { return try delete(old, file, change) }
    var result = TreeFile(try HunkPlacer.patch(file.content, change.hunks, name: new.text), mode: file.mode)
    if let mode = change.newMode { result.mode = mode == "100755" ? .executable : .regular }
    if old != new {
      guard try present(new) == nil else { throw PatchError(.fileExists, "\(old) is to become \(new), which exists") }
      if !change.isCopy { put(old, nil) }
    } else if change.hunks.isEmpty, result == file {
      throw PatchError(.malformed, "the change to \(new) has no hunks")
    }
    put(new, result)
  }

  /// The reading of the paths whose old file is there, else the likeliest.
  private func meant(_ change: UnifiedDiff.FileChange) throws -> UnifiedDiff.FileChange.Paths {
    for paths in change.paths.dropFirst(change.paths.count == 1 ? 1 : 0) {
      guard let old = paths.old, let path = try? RepositoryPath(old) else { continue }
      // What is in the way of a reading that nobody meant is no fault.
      if (try? present(path)) != nil { return paths }
    }
    return change.paths.first ?? .init()
  }

  private mutating func create(_ path: RepositoryPath, _ change: UnifiedDiff.FileChange) throws {
    guard try isCleared(path) || present(path) == nil else {
      throw PatchError(.fileExists, "\(path) is to be created but exists: a change to it needs '--- a/\(path)'")
    }
    let content = try HunkPlacer.patch([], change.hunks, name: path.text)
    put(path, TreeFile(content, mode: change.newMode == "100755" ? .executable : .regular))
  }

  /// Whether the diff has removed a file in whose place, or something in the folder in whose place, a file is made;
  /// the tree that is made at the end knows whether the place is free.
  private func isCleared(_ path: RepositoryPath) -> Bool {
    changes.contains { removed, file in
      file == nil && (path.ancestors.contains(removed.text) || removed.ancestors.contains(path.text))
    }
  }

  private mutating func delete(_ path: RepositoryPath, _ file: TreeFile, _ change: UnifiedDiff.FileChange) throws {
    if !change.hunks.isEmpty {
      guard try HunkPlacer.patch(file.content, change.hunks, name: path.text).isEmpty else {
        throw PatchError(.mismatch, "\(path) is to be deleted, but the diff does not remove all of its lines")
      }
    }
    put(path, nil)
  }

  private static func checked(_ path: String) throws(PatchError) -> RepositoryPath {
    do { return try RepositoryPath(path) } catch { throw PatchError(.badPath, error.message) }
  }
}
