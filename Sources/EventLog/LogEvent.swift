package import JSON
import Store
import Synchronization

/// An event to be appended: its name, what it says, and the topics under which it is read.
package struct NewEvent: Sendable {
  /// The topics, `project:ID`, `session:ID`, ...
  package let topics: [String]
  /// The name.
  package let name: String
  /// What it says.
  package let data: JSONValue

  /// An event under these topics.
  package init(_ name: String, topics: [String], data: JSONValue) {
    self.name = name
    self.topics = topics
    self.data = data
  }
}

/// An event as a reader of one topic gets it: encoded once for all readers, live and on replay alike.
package struct LogEvent: Sendable {
  /// Its number.
  package let seq: Int
  /// Its name.
  package let name: String
  /// `{"seq","topic","event","data","at"}` in UTF-8.
  package let json: [UInt8]
  private let encodedData: String
  private let forms = EventForms()

  init(_ record: EventRecord, topic: String) {
    seq = record.seq
    encodedData = record.data
    name = record.event
    var writer = JSONWriter(capacity: record.data.utf8.count + topic.utf8.count + 128)
    writer.raw("{\"seq\":\(record.seq),\"topic\":")
    writer.write(topic)
    writer.raw(",\"event\":")
    writer.write(record.event)
    writer.raw(",\"data\":")
    writer.raw(record.data)
    writer.raw(",\"at\":\"\(record.at)\"}")
    json = writer.bytes
  }

  /// What it says, decoded anew; null when the log's text is no JSON.
  package var data: JSONValue { (try? JSONParser.parse(encodedData)) ?? .null }

  /// The event as a protocol carries it, made by the first reader that wants it so and kept for the others.
  package func encoded(as form: EventForm, _ make: (LogEvent) -> [UInt8]) -> [UInt8] {
    forms.bytes(form) { make(self) }
  }
}

/// The ways in which an event is put on the wire.
package enum EventForm: Int, CaseIterable, Sendable {
  case webSocket, compressedWebSocket, serverSent, socketIO
}

/// What was made of an event, shared by all its readers.
private final class EventForms: Sendable {
  private let made = Mutex<[[UInt8]?]>([])

  func bytes(_ form: EventForm, _ make: () -> [UInt8]) -> [UInt8] {
    made.withLock { made in
      if made.isEmpty { made = Array(repeating: nil, count: EventForm.allCases.count) }
      if let bytes = made[form.rawValue] { return bytes }
      let bytes = make()
      made[form.rawValue] = bytes
      return bytes
    }
  }
}

extension [[UInt8]] {
  /// The parts one behind the other; a single one is not copied.
  package var joinedBytes: [UInt8] {
    if count == 1 { return self[0] }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(reduce(0) { $0 + $1.count })
    for part in self { bytes.append(contentsOf: part) }
    return bytes
  }
}

extension LogEvent: Hashable {
  /// Events are the same when they read the same.
  package static func == (left: LogEvent, right: LogEvent) -> Bool { left.json == right.json }

  /// Takes the number into a hash.
  package func hash(into hasher: inout Hasher) { hasher.combine(seq) }
}
