import JSON
package import ModelProviders
package import Platform

/// A repository on GitHub that is to be made.
package struct GitHubRepository: Hashable, Sendable {
  /// The user or organisation.
  package let owner: String
  /// The name.
  package let name: String
  /// Whether only its owner sees it.
  package let isPrivate: Bool

  /// Checks a name as GitHub does.
  ///
  /// - Throws: `ServiceError.invalid`.
  package init(owner: String, name: String, isPrivate: Bool) throws(ServiceError) {
    guard owner.wholeMatch(of: /[A-Za-z0-9](-?[A-Za-z0-9]){0,38}/) != nil else {
      throw ServiceError(
        .invalid, "an owner on GitHub has 1 to 39 letters, digits and single hyphens, found '\(owner.prefix(60))'",
        location: ["body", "github", "owner"])
    }
    guard name.wholeMatch(of: /[A-Za-z0-9._\-]{1,100}/) != nil, ![".", ".."].contains(name), !name.hasSuffix(".git")
    else {
      throw ServiceError(
        .invalid, "a repository on GitHub has 1 to 100 letters, digits and . _ -, and does not end with .git",
        location: ["body", "github", "repo"])
    }
    self.owner = owner
    self.name = name
    self.isPrivate = isPrivate
  }
}

/// The calls of GitHub's REST API that projects need (`GITHUB_API_URL`, `GITHUB_TOKEN`).
package struct GitHubClient: Sendable {
  /// A repository that has been made.
  struct Made: Sendable {
    /// `OWNER/NAME`, as GitHub writes it.
    let fullName: String
    /// Where git pushes to.
    let address: CloneAddress
  }

  private let apiURL: String
  private let key: Secret?
  private let transport: any ModelTransport

  /// A client of that API; without a token every call is refused.
  package init(apiURL: String, token: Secret?, transport: any ModelTransport) {
    self.apiURL = apiURL.hasSuffix("/") ? String(apiURL.dropLast()) : apiURL
    key = token
    self.transport = transport
  }

  /// The token.
  ///
  /// - Throws: `ServiceError.invalid` when none is set.
  func token() throws(ServiceError) -> Secret {
    guard let key else {
      throw ServiceError(
        .invalid, "the daemon has no GITHUB_TOKEN: set one to use GitHub", location: ["body", "github"])
    }
    return key
  }

  /// Makes an empty repository, of the token's own user or of an organisation.
  ///
  /// - Throws: `ServiceError`, `.conflict` when the name is taken.
  func make(_ repository: GitHubRepository) async throws -> Made {
    let user = try await call("GET", "/user")
    let isOwn = user.body["login"]?.string?.lowercased() == repository.owner.lowercased()
    let path = isOwn ? "/user/repos" : "/orgs/\(repository.owner)/repos"
    let answer = try await call(
      "POST", path,
      body: ["name": .string(repository.name), "private": .bool(repository.isPrivate), "auto_init": false])
    guard answer.status == 201, let fullName = answer.body["full_name"]?.string,
      let address = answer.body["clone_url"]?.string
    else { throw refusal(answer, of: repository) }
    do { return Made(fullName: fullName, address: try CloneAddress(address, hosts: pushHosts(for: address))) } catch {
      throw ServiceError(.upstream, "GitHub names an address that is not its own: '\(address.prefix(200))'")
    }
  }

  /// The address of a repository that was made, checked again before a secret is sent there.
  func address(_ text: String) throws(ServiceError) -> CloneAddress {
    do { return try CloneAddress(text, hosts: pushHosts(for: text)) } catch {
      throw ServiceError(.wrongState, "the project's remote_url is not an address of GITHUB_API_URL's host")
    }
  }

  /// The token goes to the host of the API alone: `github.com` of `api.github.com`, and any port of this machine.
  private func pushHosts(for address: String) -> [String] {
    func host(of url: String) -> Substring { url.split(separator: "/").dropFirst().first ?? "" }
    func name(of host: Substring) -> Substring { host.split(separator: ":").first ?? "" }
    let api = host(of: apiURL)
    let own = api.hasPrefix("api.") ? api.dropFirst(4) : api
    guard apiURL.hasPrefix("http://"), name(of: own) == name(of: host(of: address)) else { return [String(own)] }
    return [String(host(of: address))]
  }

  private func refusal(_ answer: (status: Int, body: JSONValue), of repository: GitHubRepository) -> ServiceError {
    let said = Self.words(answer.body)
    let name = "\(repository.owner)/\(repository.name)"
    switch answer.status {
    case 422 where said.contains("already exists"):
      return ServiceError(.conflict, "there is already a repository \(name) on GitHub")
    case 422: return ServiceError(.invalid, "GitHub refuses \(name): \(said)", location: ["body", "github"])
    case 404:
      return ServiceError(
        .invalid, "GitHub knows no organisation '\(repository.owner)' in which the token's user may make repositories",
        location: ["body", "github", "owner"])
    default: return ServiceError(.upstream, "GitHub answered \(answer.status) to making \(name): \(said)")
    }
  }

  private func call(
    _ method: String, _ path: String, body: JSONValue? = nil
  ) async throws -> (status: Int, body: JSONValue) {
    var request = TransportRequest(
      url: apiURL + path,
      fields: [("accept", "application/vnd.github+json"), ("x-github-api-version", "2022-11-28")],
      authorization: ("authorization", Secret("Bearer \(try token().revealed)")), body: body?.encodedBytes ?? [])
    request.method = method
    let (status, answer): (Int, [UInt8])
    do {
      let response = try await transport.send(request)
      status = response.status
      var bytes: [UInt8] = []
      while let more = try await response.body() {
        bytes += more
        guard bytes.count <= 1 << 20 else { throw ServiceError(.upstream, "GitHub answered more than 1 MB") }
      }
      answer = bytes
    } catch let error as ModelError {
      throw ServiceError(
        .upstream,
        error.code == .timedOut ? "GitHub did not answer in time" : "GitHub (\(apiURL)) cannot be reached or broke off")
    }
    // What is no JSON says nothing; the status still counts.
    let value = (try? JSONParser.parse(answer)) ?? .null
    if status == 401 || status == 403 {
      throw ServiceError(
        .upstream, "GitHub refuses the token (\(status)): \(Self.words(value)); set another GITHUB_TOKEN")
    }
    guard method != "GET" || status == 200 else {
      throw ServiceError(.upstream, "GitHub answered \(status) to \(path): \(Self.words(value))")
    }
    return (status, value)
  }

  /// GitHub's words on a fault, one line.
  private static func words(_ body: JSONValue) -> String {
    let details = (body["errors"]?.array ?? []).compactMap { $0["message"]?.string }
    let text = ([body["message"]?.string ?? "no message"] + details).joined(separator: "; ")
    return String(text.split(whereSeparator: \.isNewline).joined(separator: " ").prefix(300))
  }
}
