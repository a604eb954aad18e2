import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Platform

/// Carries requests over HTTPS (HTTP for addresses that say so) by AsyncHTTPClient.
package struct NetworkTransport: ModelTransport {
  private let client: HTTPClient
  private let patientClient: HTTPClient

  /// A transport that waits so long for the head of an answer, and for each next byte of it; and so long for answers
  /// that their clients want whole.
  package init(headTimeout: Duration = .seconds(120), patience: Duration = .seconds(600)) {
    client = Self.client(waiting: headTimeout)
    patientClient = Self.client(waiting: patience)
  }

  private static func client(waiting timeout: Duration) -> HTTPClient {
    var configuration = HTTPClient.Configuration()
    configuration.timeout.connect = .seconds(10)
    configuration.timeout.read = .nanoseconds(Int64(timeout / .nanoseconds(1)))
    configuration.connectionPool.retryConnectionEstablishment = false
    // A stream holds its connection for minutes, and the usual 8 would let the ninth conversation wait for them.
    configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 4096
    configuration.redirectConfiguration = .disallow
    configuration.httpVersion = .http1Only
    return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }

  /// Closes the connections that are kept; the transport must not be used afterwards.
  ///
  /// One that is still being made cannot be ended, and is waited for only for a second: it ends with the program.
  package func close() async {
    // Nothing can be done about a connection that does not close, and the program is ending.
    let endings = [client, patientClient].map { client in
      let (closed, close) = AsyncStream.makeStream(of: Void.self)
      client.shutdown { _ in withExtendedLifetime(client) { close.finish() } }
      return closed
    }
    await withTaskGroup(of: Void.self) { group in
      group.addTask { for closed in endings { for await _ in closed {} } }
      group.addTask { try? await Task.sleep(for: .seconds(1)) }
      await group.next()
      group.cancelAll()
    }
  }

  /// Sends a request; the body of the answer is pulled by its reader.
  package func send(_ request: TransportRequest) async throws -> TransportResponse {
    var outgoing = HTTPClientRequest(url: request.url)
    outgoing.method = HTTPMethod(rawValue: request.method)
    for (name, value) in request.fields { outgoing.headers.add(name: name, value: value) }
    if let (name, value) = request.authorization { outgoing.headers.add(name: name, value: value.revealed) }
    if !request.body.isEmpty || request.method == "POST" { outgoing.body = .bytes(ByteBuffer(bytes: request.body)) }
    do {
      let client = request.isPatient ? patientClient : client
      let response = try await client.execute(outgoing, timeout: .hours(1))
      return TransportResponse(
        status: Int(response.status.code), fields: response.headers.map { ($0.name.lowercased(), $0.value) },
        body: Self.reader(of: response.body))
    } catch let error as CancellationError {
      throw error
    } catch {
      throw Self.unreachable(error, url: request.url)
    }
  }

  /// The body as byte arrays; pulled, so that a slow reader holds the provider back.
  private static func reader(of body: HTTPClientResponse.Body) -> @Sendable () async throws -> [UInt8]? {
    let iterator = BodyIterator(body.makeAsyncIterator())
    return { try await iterator.next() }
  }

  /// What went wrong with a connection, in one sentence that names the place.
  static func unreachable(_ error: any Error, url: String) -> ModelError {
    let place = url.split(separator: "/").dropFirst().first.map(String.init) ?? url
    if let error = error as? HTTPClientError, error == .readTimeout || error == .deadlineExceeded {
      return ModelError(.timedOut, "the model provider at \(place) did not answer in time", isRetryable: true)
    }
    return ModelError(
      .unreachable, "the model provider at \(place) cannot be reached: \(reason(for: error))", isRetryable: true)
  }

  /// The cause in words; what the libraries print has many lines.
  private static func reason(for error: any Error) -> String {
    if let error = error as? NIOConnectionError {
      if let first = error.connectionErrors.first { return reason(for: first.error) }
      return "the name '\(error.host)' is not known"
    }
    if let error = error as? IOError { return unsafe String(cString: strerror(error.errnoCode)).lowercased() }
    if let error = error as? HTTPClientError {
      if error == .connectTimeout { return "nobody took the connection within 10 s" }
      if error == .remoteConnectionClosed { return "it closed the connection without an answer" }
    }
    let text = "\(error)"
    let isTLS = String(reflecting: type(of: error)).contains("SSL") || text.contains("SSL")
    return (isTLS ? "TLS failed: " : "") + text.prefix(200)
  }
}

/// Lets one reader at a time pull from a body whose iterator is no `Sendable`.
private actor BodyIterator {
  private var iterator: HTTPClientResponse.Body.AsyncIterator?

  init(_ iterator: sending HTTPClientResponse.Body.AsyncIterator) { self.iterator = iterator }

  func next() async throws -> [UInt8]? {
    // Taken out for the time of the wait: the stream that owns this pulls one chunk after the other.
    guard var current = iterator.take() else { return nil }
    do {
      let buffer = try await current.next(isolation: self)
      iterator = current
      return buffer.map { Array($0.readableBytesView) }
    } catch let error as CancellationError {
      throw error
    } catch let error as HTTPClientError where error == .readTimeout {
      throw ModelError(.timedOut, "the model provider stopped in the middle of its answer", isRetryable: true)
    } catch {
      throw ModelError(
        .cutOff, "the model provider broke off in the middle of its answer (\(error))", isRetryable: true)
    }
  }
}
