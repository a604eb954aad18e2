import CGit2
import Glibc

/// Calls `body` with paths in the form in which libgit2 takes several, which is theirs only during the call.
func withStringArray<T>(_ paths: [[UInt8]], _ body: (git_strarray) -> T) -> T {
  var pointers = unsafe paths.map { unsafe strdup($0.map(CChar.init(bitPattern:)) + [0]) }
  defer { for index in 0..<(unsafe pointers.count) { unsafe free(pointers[index]) } }
  return unsafe pointers.withUnsafeMutableBufferPointer { buffer in
    unsafe body(git_strarray(strings: buffer.baseAddress, count: buffer.count))
  }
}
