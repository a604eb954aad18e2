/// The address of a repository that may be cloned: `https://HOST/PATH`, of a host that the settings name.
///
/// `http` is for a server on this machine, and only when it is named too. There are no other schemes, so that neither a
/// file of this machine nor a program (`ext::`) can be meant, and no user name or password, which would be kept.
package struct CloneAddress: Hashable, Sendable, CustomStringConvertible {
  /// The whole address.
  package let text: String
  /// `https` or `http`.
  package let scheme: String

  /// Checks an address against hosts, each `HOST` for the scheme's own port or `HOST:PORT`, in lower case.
  ///
  /// - Throws: `ServiceError.invalid` that says which rule it breaks.
  package init(_ address: String, hosts: [String]) throws(ServiceError) {
    func refuse(_ rule: String) -> ServiceError {
      ServiceError(.invalid, "clone_url \(rule)", location: ["body", "clone_url"])
    }
    guard address.utf8.count <= 1000, address.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw refuse("must be at most 1000 visible ASCII characters")
    }
    guard let match = address.wholeMatch(of: /([A-Za-z][A-Za-z0-9+.\-]*):\/\/([^\/?#]*)(\/[^?#]*)?/) else {
      throw refuse("must be https://HOST/PATH without a query, found '\(address.prefix(200))'")
    }
    scheme = match.1.lowercased()
    guard scheme == "https" || scheme == "http" else {
      throw refuse("must be https://HOST/PATH: '\(scheme)' is not allowed")
    }
    guard !match.2.contains("@") else { throw refuse("must not hold a user name or a password") }
    guard let parts = match.2.lowercased().wholeMatch(of: /(\[[0-9a-f:.]+\]|[a-z0-9.\-]+)(?::([0-9]{1,5}))?/) else {
      throw refuse("must name a host, found '\(match.2.prefix(100))'")
    }
    let host = String(parts.1)
    let usual = scheme == "https" ? 443 : 80
    guard let port = parts.2.map({ Int($0) }) ?? usual, (1...65_535).contains(port) else {
      throw refuse("must have a port from 1 to 65535")
    }
    guard hosts.contains("\(host):\(port)") || (port == usual && hosts.contains(host)) else {
      throw refuse("must be of one of the hosts \(hosts.joined(separator: ", ")) (CLONE_HOSTS), found '\(match.2)'")
    }
    guard scheme == "https" || Self.isLoopback(host) else { throw refuse("must be https: http is for this machine") }
    let path = String(match.3 ?? "")
    let segments = path.split(separator: "/")
    guard !segments.isEmpty, path.wholeMatch(of: /[A-Za-z0-9._~+=@%\/\-]+/) != nil,
      segments.allSatisfy({ $0 != "." && $0 != ".." && !$0.hasPrefix("-") })
    else { throw refuse("must have a path of plain names, as https://HOST/OWNER/NAME") }
    text = "\(scheme)://\(host)\(port == usual ? "" : ":\(port)")/\(segments.joined(separator: "/"))"
  }

  private static func isLoopback(_ host: String) -> Bool {
    host == "localhost" || host == "[::1]" || host.wholeMatch(of: /127(\.[0-9]{1,3}){3}/) != nil
  }

  /// The address.
  package var description: String { text }
}
