package import JSON
import Store

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
package struct LogEvent: Sendable, Hashable {
  /// Its number.
  package let seq: Int
  /// Its name.
  package let name: String
  /// `{"seq","topic","event","data","at"}` in UTF-8.
  package let json: [UInt8]

  init(_ record: EventRecord, topic: String) {
    seq = record.seq
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
}
