package import Platform

/// A request to a provider, as it goes over the wire.
package struct TransportRequest: Sendable {
  /// The whole address.
  package var url: String
  /// The fields without the authorisation.
  package var fields: [(name: String, value: String)]
  /// The authorisation field, which is never recorded or logged.
  package var authorization: (name: String, value: Secret)?
  /// The body, JSON.
  package var body: [UInt8]

  /// A POST of JSON.
  package init(
    url: String, fields: [(name: String, value: String)] = [], authorization: (name: String, value: Secret)? = nil,
    body: [UInt8]
  ) {
    self.url = url
    self.fields = fields
    self.authorization = authorization
    self.body = body
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
