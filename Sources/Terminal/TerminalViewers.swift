import Sandbox

/// Who watches a terminal, how far each has read, and who has control.
///
/// All read one scrollback, each at its own pace; who is so slow that its place is dropped goes on at the oldest byte
/// that is kept, and is told how many it lost. The program is held back only while every viewer is far behind.
struct TerminalViewers: Sendable {
  private struct Viewer {
    var offset: Int
    var wantsControl: Bool
    /// Whether it must be told of control and size.
    var hasNews = true
  }

  private var viewers: [Int: Viewer] = [:]
  private var lastID = 0
  /// The one who may write.
  private(set) var controller: Int?

  var count: Int { viewers.count }

  func has(_ id: Int) -> Bool { viewers[id] != nil }

  /// A new viewer that has read up to an offset.
  mutating func add(offset: Int, control: TerminalControl) -> Int {
    lastID += 1
    viewers[lastID] = Viewer(offset: offset, wantsControl: control != .watch)
    if control == .take || (control == .auto && controller == nil) { controller = lastID }
    tellAll()
    return lastID
  }

  /// Lets a viewer go; its control goes to the one that has waited for it longest.
  mutating func remove(_ id: Int) {
    guard viewers.removeValue(forKey: id) != nil else { return }
    if controller == id { passControl() }
    tellAll()
  }

  mutating func take(_ id: Int) {
    guard viewers[id] != nil else { return }
    viewers[id]?.wantsControl = true
    controller = id
    tellAll()
  }

  mutating func release(_ id: Int) {
    viewers[id]?.wantsControl = false
    if controller == id { passControl() }
    tellAll()
  }

  private mutating func passControl() { controller = viewers.filter { $0.value.wantsControl }.keys.min() }

  /// Everybody must be told of control and size.
  mutating func tellAll() { for id in viewers.keys { viewers[id]?.hasNews = true } }

  /// What a viewer must be told next, at most so many bytes; nil when there is nothing.
  mutating func next(_ id: Int, of scrollback: Scrollback, size: TerminalSize, limit: Int) -> TerminalDelivery? {
    guard var viewer = viewers[id] else { return nil }
    defer { viewers[id] = viewer }
    if viewer.hasNews {
      viewer.hasNews = false
      return .status(
        TerminalStatus(offset: viewer.offset, size: size, isWriter: controller == id, viewers: viewers.count))
    }
    if viewer.offset < scrollback.start {
      let lost = scrollback.start - viewer.offset
      viewer.offset = scrollback.start
      return .gap(lost: lost, offset: viewer.offset)
    }
    guard viewer.offset < scrollback.end else { return nil }
    let bytes = scrollback.read(from: viewer.offset, limit: limit)
    viewer.offset += bytes.count
    return .output(bytes, offset: viewer.offset)
  }

  /// Whether there are viewers, and each has more than so many bytes still to read.
  func areBehind(_ end: Int, by window: Int) -> Bool {
    !viewers.isEmpty && viewers.values.allSatisfy { end - $0.offset > window }
  }
}
