import CResources
import Sandbox
import Store

/// The program that runs a test, and what it reads from its standard input.
enum TestRunnerProgram {
  /// Where it is in the checkout.
  static let path = ".vibegrapher/runner.py"

  static let bytes: [UInt8] = {
    let file = unsafe cresources_test_runner
    return unsafe Array(UnsafeBufferPointer(start: file.bytes, count: file.size))
  }()

  /// What it is to run, each field as its length in a line and its bytes: the entry file, the test's name and code, and
  /// how many files follow, with path, mode and content of each; those of a large checkout are there already.
  static func orders(_ test: TestCaseRecord, _ checkout: Checkout) -> [UInt8] {
    var orders: [UInt8] = []
    func put(_ bytes: some Collection<UInt8>) {
      orders += "\(bytes.count)\n".utf8
      orders += bytes
    }
    let files = checkout.isSmall ? checkout.files : []
    put((checkout.entry ?? "").utf8)
    put("<test \(test.name)>".utf8)
    put(test.code.utf8)
    put("\(files.count)".utf8)
    for file in files {
      put(file.path.utf8)
      put(String(file.mode, radix: 8).utf8)
      put(file.content)
    }
    return orders
  }
}
