import Glibc

extension ChildCommand.Limit {
  /// Bytes of address space.
  package static func memory(bytes: UInt64) -> Self { Self(resource: Int32(RLIMIT_AS.rawValue), value: bytes) }

  /// Bytes of a file that it writes; 0 lets it write to pipes only.
  package static func fileSize(bytes: UInt64) -> Self { Self(resource: Int32(RLIMIT_FSIZE.rawValue), value: bytes) }

  /// Open descriptors.
  package static func descriptors(_ count: UInt64) -> Self {
    Self(resource: Int32(RLIMIT_NOFILE.rawValue), value: count)
  }

  /// No core file when it crashes.
  package static var noCore: Self { Self(resource: Int32(RLIMIT_CORE.rawValue), value: 0) }
}
