/// The members of a JSON object, in the order in which they were written.
///
/// Look-up is a scan: the objects of this program have a few dozen members at the most.
package struct JSONObject: Hashable, Sendable {
  /// Names and values in order; no name stands twice.
  package private(set) var members: [(name: String, value: JSONValue)]

  /// An object with these members; of two with one name the later value wins, at the place of the first.
  package init(_ members: [(String, JSONValue)] = []) {
    self.members = []
    self.members.reserveCapacity(members.count)
    for (name, value) in members { self[name] = value }
  }

  /// An object whose names the caller knows to be distinct.
  package init(distinct members: [(name: String, value: JSONValue)]) { self.members = members }

  /// The value of a member; setting nil removes it.
  package subscript(name: String) -> JSONValue? {
    get { members.first { $0.name == name }?.value }
    set {
      let index = members.firstIndex { $0.name == name }
      switch (index, newValue) {
      case (let index?, let value?): members[index].value = value
      case (let index?, nil): members.remove(at: index)
      case (nil, let value?): members.append((name, value))
      case (nil, nil): break
      }
    }
  }

  /// Equal when both have the same members, in any order.
  package static func == (left: Self, right: Self) -> Bool {
    left.members.count == right.members.count && left.members.allSatisfy { right[$0.name] == $0.value }
  }

  /// Feeds what equality looks at: the count, since order does not matter.
  package func hash(into hasher: inout Hasher) { hasher.combine(members.count) }
}
