package import Platform

/// A request to a provider, as it goes over the wire.
package struct TransportRequest: Sendable {
  /// The method.
  package var method = "POST"
  /// The whole address.
  package var url: String
  /// The fields without the authorisation.
  package var fields: [(name: String, value: String)]
  /// The authorisation field, which is never recorded or logged.
  package var authorization: (name: String, value: Secret)?
  /// The body.
  package var body: [UInt8]
  /// The provider; nil to tell it by the path.
  package var provider: ProviderName?
  /// For whom it is: by default for whom the task works.
  package var caller = ModelCaller.current
  /// Whether the answer may take long to begin, since its client waits for the whole of it.
  package var isPatient = false

  /// A POST of JSON.
  package init(
    url: String, fields: [(name: String, value: String)] = [], authorization: (name: String, value: Secret)? = nil,
    body: [UInt8]
  ) {
    self.url = url
    self.fields = [("content-type", "application/json"), ("user-agent", "vibegrapher")] + fields
    self.authorization = authorization
    self.body = body
  }

  /// A request that is passed on with just these fields.
  package init(
    passing method: String, url: String, fields: [(name: String, value: String)],
    authorization: (name: String, value: Secret)?, body: [UInt8]
  ) {
    self.method = method
    self.url = url
    self.fields = fields
    self.authorization = authorization
    self.body = body
    isPatient = true
  }

  /// The path of the address, without its query; `/` behind a host alone.
  package var path: String { String(target.prefix { $0 != "?" }) }

  /// The path and query of the address: what is the same whatever server is asked.
  var target: String {
    let parts = url.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
    return parts.count > 3 ? "/" + parts[3] : "/"
  }
}

/// The beginning of a provider's answer; the body follows as chunks.
package struct TransportResponse: Sendable {
  /// The HTTP status.
  package var status: Int
  /// The fields, names in lower case.
  package var fields: [(name: String, value: String)]
  /// Gives the next bytes of the body, nil at its end; one reader pulls one after the other.
  package var body: @Sendable () async throws -> [UInt8]?

  /// An answer with these parts.
  package init(
    status: Int, fields: [(name: String, value: String)], body: @escaping @Sendable () async throws -> [UInt8]?
  ) {
    self.status = status
    self.fields = fields
    self.body = body
  }

  /// The value of the first field of that name.
  package func field(_ name: String) -> String? { fields.first { $0.name == name }?.value }
}

/// Carries requests to providers: over the network, or from and to cassettes.
package protocol ModelTransport: Sendable {
  /// Sends a request and returns when the head of the answer is there.
  ///
  /// - Throws: `ModelError` when there is no answer.
  func send(_ request: TransportRequest) async throws -> TransportResponse
}
