/// A place that two sides changed in different ways.
package struct MergeConflict: Hashable, Sendable {
  /// What the place is: lines of a file that all three have, or a whole file.
  package enum Kind: String, Sendable {
    /// Both sides changed these lines.
    case content
    /// Both sides made a file of this name.
    case bothAdded = "both_added"
    /// Our side deleted what theirs changed.
    case deletedByUs = "deleted_by_us"
    /// Their side deleted what ours changed.
    case deletedByThem = "deleted_by_them"
    /// The file is in the way of another, or was renamed in different ways.
    case structure
    /// The file is not text.
    case binary
  }

  /// Some lines of one side's file.
  package struct Side: Hashable, Sendable {
    /// The number of its first line, from 1; for no lines, that of the line which they would stand before.
    package let start: Int
    /// How many lines.
    package let count: Int
    /// Their text.
    package let text: String
  }

  /// The file.
  package let path: String
  /// What the place is.
  package let kind: Kind
  /// The lines of the common base; nil when it has no such file.
  package let base: Side?
  /// Those of the head.
  package let ours: Side?
  /// Those of the change.
  package let theirs: Side?
}

/// A file by lines, each with its line end.
struct FileLines {
  let lines: [ArraySlice<UInt8>]

  init(_ content: [UInt8]) {
    var lines: [ArraySlice<UInt8>] = []
    var start = 0
    for index in content.indices where content[index] == 10 {
      lines.append(content[start...index])
      start = index + 1
    }
    if start < content.count { lines.append(content[start...]) }
    self.lines = lines
  }

  /// Lines of a conflict.
  func side(_ range: Range<Int>) -> MergeConflict.Side {
    let range = range.clamped(to: 0..<lines.count)
    return MergeConflict.Side(
      start: range.lowerBound + 1, count: range.count,
      text: String(decoding: lines[range].joined(), as: UTF8.self))
  }
}

/// Lines that became other lines, as half-open ranges from 0.
struct LineChange: Hashable {
  let old: Range<Int>
  let new: Range<Int>
}

extension MergeConflict {
  /// The places of a text that two changes to it do not agree about.
  ///
  /// Changes that touch each other are one place, as in git's merge.
  static func find(
    path: String, base: FileLines, ours: (FileLines, [LineChange]), theirs: (FileLines, [LineChange])
  ) -> [MergeConflict] {
    var (left, right) = (ours.1[...], theirs.1[...])
    var (leftShift, rightShift) = (0, 0)
    var conflicts: [MergeConflict] = []
    func shift(_ change: LineChange) -> Int { change.new.count - change.old.count }
    while let first = left.first, let second = right.first {
      if first.old.upperBound < second.old.lowerBound {
        leftShift += shift(left.removeFirst())
      } else if second.old.upperBound < first.old.lowerBound {
        rightShift += shift(right.removeFirst())
      } else {
        let start = min(first.old.lowerBound, second.old.lowerBound)
        var end = max(first.old.upperBound, second.old.upperBound)
        let shifts = (leftShift, rightShift)
        while true {
          if let next = left.first, next.old.lowerBound <= end {
            end = max(end, next.old.upperBound)
            leftShift += shift(left.removeFirst())
          } else if let next = right.first, next.old.lowerBound <= end {
            end = max(end, next.old.upperBound)
            rightShift += shift(right.removeFirst())
          } else {
            break
          }
        }
        let sides = (
          ours.0.side(start + shifts.0..<end + leftShift), theirs.0.side(start + shifts.1..<end + rightShift)
        )
        guard sides.0.text != sides.1.text else { continue }
        conflicts.append(
          MergeConflict(path: path, kind: .content, base: base.side(start..<end), ours: sides.0, theirs: sides.1))
      }
    }
    return conflicts
  }
}
