import API
import ModelProviders
import ModelServer
import Platform

/// The way to the model providers.
extension Subsystems {
  /// What carries requests to the providers: the network, with or without a tape, or the tape alone.
  static func transport(_ settings: Settings, _ network: NetworkTransport) throws -> any ModelTransport {
    if let folder = settings.models.replay {
      return ReplayTransport(folder: folder, keepsTime: settings.models.replayKeepsTime, redactor: redactor(settings))
    }
    guard let folder = settings.models.record else { return network }
    return try RecordingTransport(network, folder: folder, redactor: redactor(settings))
  }

  /// The embedded provider in the place of one that is not set.
  static func embedded(_ name: ProviderName, port: Int) -> ProviderEndpoint {
    ProviderEndpoint(baseURL: ModelServer.baseURL(of: name, port: port), key: nil)
  }

  /// The providers of the settings; with none of them the embedded one in the place of each.
  static func providers(
    _ settings: Settings, _ transport: any ModelTransport, embeddedPort: Int
  ) -> ProviderDirectory {
    var endpoints = settings.models.providers
    // A replay asks nobody, so that any address does.
    if settings.models.usesEmbedded || settings.models.replay != nil {
      for name in ProviderName.allCases where endpoints[name] == nil {
        endpoints[name] = embedded(name, port: embeddedPort)
      }
    }
    var retry = RetryPolicy()
    retry.deadline = settings.models.deadline
    return ProviderDirectory(endpoints, transport: transport, retry: retry)
  }

  /// The providers behind the gateway; the embedded one in the place of each that is not set.
  static func upstreams(_ settings: Settings, embeddedPort: Int) -> [GatewayUpstream] {
    ProviderName.allCases.map { name in
      GatewayUpstream(name, at: settings.models.providers[name] ?? embedded(name, port: embeddedPort))
    }
  }
}
