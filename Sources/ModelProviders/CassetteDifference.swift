import JSON

/// Where two requests differ, for somebody who wants to know why a replay does not know one.
enum CassetteDifference {
  /// Differences that are counted at the most: what has more is not near.
  private static let most = 50

  /// How many places differ, and the first of them: `input[2].content is 'a', recorded was 'b'`.
  static func between(_ asked: JSONValue, _ recorded: JSONValue) -> (count: Int, first: String)? {
    var places: [String] = []
    compare(asked, recorded, at: "", &places)
    return places.first.map { (places.count, $0) }
  }

  private static func compare(_ asked: JSONValue, _ recorded: JSONValue, at place: String, _ places: inout [String]) {
    guard places.count < most, asked != recorded else { return }
    switch (asked, recorded) {
    case (.object(let left), .object(let right)):
      for name in Set(left.members.map(\.name) + right.members.map(\.name)).sorted() {
        compare(left[name] ?? .null, right[name] ?? .null, at: place.isEmpty ? name : "\(place).\(name)", &places)
      }
    case (.array(let left), .array(let right)):
      for index in 0..<max(left.count, right.count) {
        let (one, other) = (left.count > index ? left[index] : .null, right.count > index ? right[index] : .null)
        compare(one, other, at: "\(place)[\(index)]", &places)
      }
    case (.string(let left), .string(let right)):
      // Long texts mostly begin alike: what is shown begins shortly before they part.
      let common = zip(left, right).prefix { $0 == $1 }.count
      let start = max(0, common - 20)
      places.append("\(shown(place)) is '\(part(left, start))', recorded was '\(part(right, start))'")
    default:
      places.append("\(shown(place)) is \(part(asked.encodedText, 0)), recorded was \(part(recorded.encodedText, 0))")
    }
  }

  private static func shown(_ place: String) -> String { place.isEmpty ? "the body" : place }

  private static func part(_ text: String, _ start: Int) -> String {
    let rest = text.dropFirst(start)
    return (start > 0 ? "…" : "") + rest.prefix(60) + (rest.count > 60 ? "…" : "")
  }
}
