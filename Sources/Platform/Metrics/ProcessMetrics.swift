import CPlatform
import Glibc

/// What the system says of this process, under the names that Prometheus' client libraries use.
package enum ProcessMetrics {
  /// Reads proc(5); may wait for a moment.
  package static var families: [MetricFamily] {
    let pages = numbers(in: "/proc/self/statm")
    let pageSize = Double(sysconf(Int32(_SC_PAGESIZE)))
    var usage = rusage()
    _ = unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    let times = [usage.ru_utime, usage.ru_stime].map { Double($0.tv_sec) + Double($0.tv_usec) / 1e6 }
    var limit = rlimit()
    _ = unsafe getrlimit(Int32(RLIMIT_NOFILE.rawValue), &limit)
    return [
      MetricFamily(
        "process_cpu_seconds_total", "Seconds of processor time, of the user and the system.", .counter,
        times[0] + times[1]),
      MetricFamily(
        "process_resident_memory_bytes", "Bytes of memory that are resident.", .gauge,
        (pages.count > 1 ? pages[1] : 0) * pageSize),
      MetricFamily(
        "process_virtual_memory_bytes", "Bytes of address space.", .gauge, (pages.first ?? 0) * pageSize),
      MetricFamily("process_open_fds", "Open file descriptors.", .gauge, Double(openDescriptors)),
      MetricFamily("process_max_fds", "Most file descriptors.", .gauge, Double(limit.rlim_cur)),
      MetricFamily("process_start_time_seconds", "When it started, seconds since 1970.", .gauge, startTime),
    ]
  }

  private static let startTime: Double = {
    // Field 22 of stat, in clock ticks since the system started; the name before it may hold anything.
    let stat = text(of: "/proc/self/stat")
    let fields = stat.split(separator: ")").last?.split(separator: " ") ?? []
    let boot = text(of: "/proc/stat").split(separator: "\n").first { $0.hasPrefix("btime ") }?.dropFirst(6)
    guard fields.count > 19, let ticks = Double(fields[19]), let started = boot.flatMap({ Double($0) }) else {
      return 0
    }
    return started + ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
  }()

  private static var openDescriptors: Int {
    guard let folder = unsafe opendir("/proc/self/fd") else { return 0 }
    defer { unsafe closedir(folder) }
    // Without the two names of folders and the descriptor that reads them.
    var count = -3
    while unsafe readdir(folder) != nil { count += 1 }
    return max(0, count)
  }

  private static func numbers(in path: String) -> [Double] {
    text(of: path).split(whereSeparator: { $0 == " " || $0 == "\n" }).compactMap { Double($0) }
  }

  private static func text(of path: String) -> String {
    let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    var (bytes, buffer) = ([UInt8](), [UInt8](repeating: 0, count: 16 * 1024))
    while true {
      let count = unsafe read(descriptor, &buffer, buffer.count)
      guard count > 0 else { break }
      bytes += buffer[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
