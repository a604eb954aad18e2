package import HTTP

/// A request and its answer, for those who keep count.
package struct Exchange: Sendable {
  /// The request line and fields.
  package let head: RequestHead
  /// The request's id.
  package let id: String
  /// The client's address, without its port.
  package let address: String
  /// The answer's status.
  package let status: Int
  /// How many bytes of the answer were handed to the connection, its head included.
  package let bytes: Int
  /// From the complete head of the request to the last byte of the answer being handed to the connection.
  package let duration: Duration
}
