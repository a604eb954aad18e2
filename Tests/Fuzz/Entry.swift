import FuzzProperties
import Glibc

/// The target, which the environment names: one executable has them all.
private let target: FuzzTarget = {
  let name = unsafe getenv("FUZZ_TARGET").map { unsafe String(cString: $0) } ?? ""
  guard let target = FuzzTarget(rawValue: name) else { fatalError("FUZZ_TARGET must name a target, found '\(name)'") }
  return target
}()

/// What libFuzzer calls with each input; a claim that does not hold ends the process, which is a finding.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let input = unsafe Array(UnsafeBufferPointer(start: start, count: count))
  if let violation = target.violation(input) { fatalError(violation) }
  return 0
}
