import CResources
package import JSON

/// A small project that a new one can begin as; the executable carries it.
package struct ProjectTemplate: Sendable {
  /// What clients call it.
  package let name: String
  /// One sentence for people.
  package let summary: String
  /// The texts of its files by path.
  package let files: [String: String]

  /// All that there are, by name.
  package static let all: [ProjectTemplate] = {
    var templates: [String: [String: String]] = [:]
    var index = 0
    while let file = unsafe cresources_template_file(index)?.pointee {
      index += 1
      let name = unsafe String(cString: file.name).split(separator: "/", maxSplits: 1)
      let text = unsafe String(decoding: UnsafeBufferPointer(start: file.bytes, count: file.size), as: UTF8.self)
      templates[String(name[0]), default: [:]][String(name[1])] = text
    }
    return templates.sorted { $0.key < $1.key }.map { name, files in
      // The entry file begins with a docstring of one line.
      let summary = files["main.py"]?.split(separator: "\n").first.map { String($0.dropFirst(3).dropLast(3)) }
      return ProjectTemplate(name: name, summary: summary ?? "", files: files)
    }
  }()

  /// The template of a name.
  ///
  /// - Throws: `ServiceError.invalid` that names those that there are.
  package static func named(_ name: String) throws(ServiceError) -> ProjectTemplate {
    guard let template = all.first(where: { $0.name == name }) else {
      let names = all.map(\.name).joined(separator: ", ")
      throw ServiceError(
        .invalid, "there is no template '\(name.prefix(60))'; there are: \(names)", location: ["body", "template"])
    }
    return template
  }

  /// The fields of the wire format.
  package var json: JSONValue {
    [
      "name": .string(name), "summary": .string(summary),
      "files": .array(files.keys.sorted().map { .string($0) }), "entry": JSONValue(EntryFile.choose(from: files.keys)),
    ]
  }
}
