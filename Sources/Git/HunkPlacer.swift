/// Finds the places of a file's hunks and writes what comes of them.
///
/// A hunk goes where its header says, if its lines are there; else to the nearest place behind the hunk before it, else
/// to the nearest that no other hunk has taken; and if there is none, again without the outermost line of context at
/// each end, up to three times.
struct HunkPlacer {
  /// How many lines of context at each end may be wrong.
  static let maximumFuzz = 3
  /// How many lines are compared for one file, which no honest diff comes near.
  private static let comparisonLimit = 20_000_000

  /// Where a hunk goes.
  private struct Place {
    /// Its number, from 0.
    let hunk: Int
    /// The lines of the file that it is about.
    let lines: Range<Int>
    /// The lines of the hunk that are used there.
    let used: Range<Int>
  }

  private let file: [ArraySlice<UInt8>]
  private let texts: [ArraySlice<UInt8>]
  private let usesCarriageReturn: Bool
  private var places: [Place] = []
  private var done = 0
  private var shift = 0
  private var comparisons = 0

  private init(_ content: [UInt8]) {
    file = FileLines(content).lines
    texts = file.map { line in
      var line = line
      if line.last == 10 { line.removeLast() }
      if line.last == 13 { line.removeLast() }
      return line
    }
    usesCarriageReturn = file.lazy.filter { $0.suffix(2).elementsEqual([13, 10]) }.count * 2 > file.count
  }

  /// A file's content with all hunks applied.
  ///
  /// - Throws: `PatchError.mismatch` that names the first hunk which does not fit.
  static func patch(_ content: [UInt8], _ hunks: [UnifiedDiff.Hunk], name: String) throws(PatchError) -> [UInt8] {
    guard !hunks.isEmpty else { return content }
    var placer = HunkPlacer(content)
    for (number, hunk) in hunks.enumerated() {
      guard let place = placer.place(hunk, number: number) else { throw placer.mismatch(hunk, number, name) }
      placer.places.append(place)
      placer.done = place.lines.upperBound
      placer.shift = place.lines.lowerBound - placer.said(hunk) - place.used.lowerBound
    }
    return placer.written(hunks)
  }

  /// The line, from 0, at which the header says that a hunk begins.
  private func said(_ hunk: UnifiedDiff.Hunk) -> Int { max(0, (hunk.oldStart ?? 1) - 1) }

  private mutating func place(_ hunk: UnifiedDiff.Hunk, number: Int) -> Place? {
    let lines = hunk.lines
    if hunk.oldLines.isEmpty {
      // Nothing to match: only an empty file, or the place that the header says, is safe.
      if file.isEmpty { return number == 0 ? Place(hunk: 0, lines: 0..<0, used: lines.indices) : nil }
      guard let line = hunk.oldStart, hunk.oldCount == 0, line > 0, isFree(line..<line), line <= file.count else {
        return nil
      }
      return Place(hunk: number, lines: line..<line, used: lines.indices)
    }
    let leading = lines.prefix { $0.kind == .context }.count
    let trailing = leading == lines.count ? 0 : lines.reversed().prefix { $0.kind == .context }.count
    for fuzz in 0...Self.maximumFuzz where fuzz == 0 || fuzz <= max(leading, trailing) {
      let (top, bottom) = (min(fuzz, leading), min(fuzz, trailing))
      guard top + bottom < lines.count else { return nil }
      let used = top..<(lines.count - bottom)
      let old = lines[used].filter { $0.kind != .addition }
      guard !old.isEmpty else { return nil }
      if let start = find(old, said: said(hunk) + top) {
        return Place(hunk: number, lines: start..<(start + old.count), used: used)
      }
    }
    return nil
  }

  private mutating func find(_ old: [UnifiedDiff.Hunk.Line], said: Int) -> Int? {
    let last = file.count - old.count
    guard last >= 0 else { return nil }
    for start in [said + shift, said] where (0...last).contains(start) && fits(old, at: start) { return start }
    return nearest(old, to: said + shift, in: done...max(done, last), last: last)
      ?? nearest(old, to: said + shift, in: 0...last, last: last)
  }

  /// The fitting place that is nearest; the later of two that are equally near, as in git.
  private mutating func nearest(
    _ old: [UnifiedDiff.Hunk.Line], to wanted: Int, in range: ClosedRange<Int>, last: Int
  ) -> Int? {
    let center = min(max(wanted, range.lowerBound), range.upperBound)
    for distance in 0...max(center - range.lowerBound, range.upperBound - center) {
      for start in distance == 0 ? [center] : [center + distance, center - distance]
      where range.contains(start) && start <= last && fits(old, at: start) {
        return start
      }
    }
    return nil
  }

  private mutating func fits(_ old: [UnifiedDiff.Hunk.Line], at start: Int) -> Bool {
    comparisons += 1 + places.count
    guard comparisons < Self.comparisonLimit, isFree(start..<(start + old.count)) else { return false }
    for index in old.indices {
      comparisons += 1
      guard texts[start + index].elementsEqual(old[index].text) else { return false }
    }
    return true
  }

  private func isFree(_ lines: Range<Int>) -> Bool {
    places.allSatisfy { $0.lines.upperBound <= lines.lowerBound || lines.upperBound <= $0.lines.lowerBound }
  }

  /// The file with the hunks: context as the file has it, additions with the file's kind of line end.
  private func written(_ hunks: [UnifiedDiff.Hunk]) -> [UInt8] {
    var result: [UInt8] = []
    var done = 0
    for place in places.sorted(by: { ($0.lines.lowerBound, $0.hunk) < ($1.lines.lowerBound, $1.hunk) }) {
      result.append(contentsOf: file[done..<place.lines.lowerBound].joined())
      done = place.lines.lowerBound
      let keepsEnds = hunks[place.hunk].changesLineEnds
      for line in hunks[place.hunk].lines[place.used] {
        let end: [UInt8] = (keepsEnds ? line.hasCarriageReturn : usesCarriageReturn) ? [13, 10] : [10]
        // Text behind a last line that had no line end must not run into it.
        if line.kind != .deletion, let last = result.last, last != 10 { result.append(contentsOf: end) }
        switch line.kind {
        case .context:
          result.append(contentsOf: file[done])
          done += 1
        case .deletion:
          done += 1
        case .addition:
          result.append(contentsOf: line.text)
          if !line.isUnterminated { result.append(contentsOf: end) }
        }
      }
    }
    if done < file.count, let last = result.last, last != 10 { result.append(10) }
    result.append(contentsOf: file[done...].joined())
    return result
  }

  private func mismatch(_ hunk: UnifiedDiff.Hunk, _ number: Int, _ name: String) -> PatchError {
    var hint = ""
    if comparisons >= Self.comparisonLimit {
      hint = ": it was looked for in too many places"
    } else if hunk.oldLines.isEmpty {
      hint = ": it has no line of the file to be placed by"
    } else if let wanted = hunk.oldLines.first(where: { line in
      !line.text.allSatisfy { $0 == 32 } && !texts.contains { $0.elementsEqual(line.text) }
    }) {
      hint = ": the file has no line '\(String(decoding: wanted.text.prefix(120), as: UTF8.self))'"
    } else if number > 0 {
      hint = ": its lines are not there together, or an earlier hunk has changed them"
    }
    return PatchError(
      .mismatch, "hunk \(number + 1) of \(name) (\(hunk.header.prefix(80))) does not fit the file\(hint)")
  }
}
