import Foundation
import FuzzProperties
import Testing

@Suite("Fuzzing corpus")
struct CorpusTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Corpus/fuzz")

  @Test("holds what it held when it was found", arguments: FuzzTarget.allCases)
  func holds(target: FuzzTarget) throws {
    let folder = Self.folder.appendingPathComponent(target.rawValue)
    let inputs = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
    #expect(!inputs.isEmpty)
    for input in inputs {
      let violation = target.violation([UInt8](try Data(contentsOf: input)))
      #expect(violation == nil, "\(target.rawValue)/\(input.lastPathComponent): \(violation ?? "")")
    }
  }
}
