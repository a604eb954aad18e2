import CPlatform

/// What holds a program in its sandbox, each kept by the kernel on its own.
package struct SandboxFeatures: OptionSet, Hashable, Sendable {
  /// The bits of `cplatform_sandbox_feature`.
  package let rawValue: UInt32

  /// Those bits.
  package init(rawValue: UInt32) { self.rawValue = rawValue }

  private init(_ feature: cplatform_sandbox_feature) { rawValue = feature.rawValue }

  /// Its user is nobody on the host.
  package static let userNamespace = Self(CPLATFORM_USER_NAMESPACE)
  /// It sees no files of the host but the system's.
  package static let privateRoot = Self(CPLATFORM_PRIVATE_ROOT)
  /// It sees and signals only its own processes, and all of them end at once.
  package static let processNamespace = Self(CPLATFORM_PID_NAMESPACE)
  /// It has no network but a loopback of its own.
  package static let networkNamespace = Self(CPLATFORM_NETWORK_NAMESPACE)
  /// System V objects of its own.
  package static let ipcNamespace = Self(CPLATFORM_IPC_NAMESPACE)
  /// A host name of its own.
  package static let hostnameNamespace = Self(CPLATFORM_UTS_NAMESPACE)
  /// The names of the host's control groups are hidden.
  package static let groupNamespace = Self(CPLATFORM_CGROUP_NAMESPACE)
  /// `/proc` shows its own processes only.
  package static let ownProc = Self(CPLATFORM_OWN_PROC)
  /// Landlock: the second wall around files, the first without a private root.
  package static let landlock = Self(CPLATFORM_LANDLOCK)
  /// A filter of system calls.
  package static let systemCallFilter = Self(CPLATFORM_SECCOMP)
  /// Another user than the daemon's; only root can give it.
  package static let unprivilegedUser = Self(CPLATFORM_UNPRIVILEGED_USER)
  /// A control group limits the memory of all of it.
  package static let memoryGroup = Self(CPLATFORM_MEMORY_GROUP)
  /// A control group limits the number of its processes.
  package static let processGroup = Self(CPLATFORM_PROCESS_GROUP)
  /// Limits of each process; always there.
  package static let limits = Self(CPLATFORM_RLIMITS)

  /// All that there are.
  package static let all = Self(rawValue: UInt32(CPLATFORM_SANDBOX_FEATURES))
  /// The namespaces and what hangs on them.
  package static let namespaces: Self = [
    .userNamespace, .privateRoot, .processNamespace, .networkNamespace, .ipcNamespace, .hostnameNamespace, .ownProc,
  ]

  /// The names of those that are in it, as `user-namespace`, in order.
  package var names: [String] {
    (0..<32).map { Self(rawValue: 1 << $0) }.filter { contains($0) && Self.all.contains($0) }.compactMap { feature in
      unsafe cplatform_sandbox_feature_name(feature.rawValue).map { unsafe String(cString: $0) }
    }
  }

  /// The feature of a name, or nil.
  package init?(name: String) {
    guard let feature = (0..<32).map({ Self(rawValue: 1 << $0) }).first(where: { $0.names == [name] }) else {
      return nil
    }
    self = feature
  }

  /// What this machine and this user have, found out by trying; called once, before anything else starts children.
  ///
  /// Control groups are used where they are ours to divide, unless `groups` is false.
  package static func probe(groups: Bool = true) -> SandboxFeatures {
    var features: UInt32 = 0
    // Without an answer there are the limits, which need nothing.
    guard unsafe cplatform_sandbox_probe(groups ? 1 : 0, &features) == 0 else { return .limits }
    return SandboxFeatures(rawValue: features)
  }
}

/// The least with which a sandbox may run (`SANDBOX_REQUIRE`).
package enum SandboxRequirement: String, CaseIterable, Sendable {
  /// Everything but what only some machines or only root can have: control groups and another user.
  case full
  /// The namespaces.
  case namespaces
  /// Limits alone.
  case rlimits

  /// What must be there.
  package var features: SandboxFeatures {
    switch self {
    case .full: [.namespaces, .landlock, .systemCallFilter, .limits]
    case .namespaces: [.namespaces, .limits]
    case .rlimits: .limits
    }
  }
}
