import CPlatform
import Glibc

/// Starts a detached thread (pthread_create(3)) of that name, at most 15 bytes of which the system keeps.
///
/// - Throws: `SystemError` when the system has no threads left; the body has not run then.
package func startThread(named name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
  final class Start {
    let name: String
    let body: @Sendable () -> Void
    init(_ name: String, _ body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }
  let start = unsafe Unmanaged.passRetained(Start(String(name.prefix(15)), body))
  var thread = pthread_t()
  let code = unsafe pthread_create(
    &thread, nil,
    { argument in
      guard let argument = unsafe argument else { return nil }
      let start = unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
      unsafe cplatform_name_thread(start.name)
      start.body()
      return nil
    }, start.toOpaque())
  guard code == 0 else {
    unsafe start.release()
    throw SystemError(code: code, operation: "start a thread")
  }
  pthread_detach(thread)
}
