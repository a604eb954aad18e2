import ModelProviders
import Platform

/// The settings of the model providers.
extension SettingSource {
  /// The providers that have a key or an address; one with an address alone is a server that wants no key.
  func providers() throws(Settings.Fault) -> [ProviderName: ProviderEndpoint] {
    var providers: [ProviderName: ProviderEndpoint] = [:]
    for name in ProviderName.allCases {
      let key = try secret(name.keySetting)
      let baseURL = try address(name.addressSetting)
      guard key != nil || isSet(name.addressSetting) else { continue }
      providers[name] = ProviderEndpoint(baseURL: baseURL, key: key)
    }
    return providers
  }

  /// What is to be said of a model whose provider is not set: an error when somebody chose the model, since nothing
  /// would work, and otherwise a warning, since the daemon may be used for something else.
  func missingProvider(of providers: [ProviderName: ProviderEndpoint]) throws(Settings.Fault) -> String? {
    guard !providers.isEmpty, !isSet(.modelReplay) else { return nil }
    for setting in [Setting.thinkingModel, .smallModel] {
      let name = ProviderName(model: text(setting))
      guard providers[name] == nil else { continue }
      let fault = "\(setting.rawValue) is '\(text(setting))', which needs a key of \(name.title): \(name.remedy)"
      if isSet(setting) { throw Settings.Fault(description: fault) }
      return fault
    }
    return nil
  }

  /// A key, which has no spaces and letters of other scripts.
  func secret(_ setting: Setting) throws(Settings.Fault) -> Secret? {
    let text = text(setting)
    guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw Settings.Fault(description: "\(setting.rawValue) must be visible ASCII without spaces")
    }
    return text.isEmpty || text == "sk-placeholder" ? nil : Secret(text)
  }
}

extension ProviderName {
  fileprivate var keySetting: Setting {
    switch self {
    case .openAI: .openAIKey
    case .anthropic: .anthropicKey
    case .gemini: .geminiKey
    }
  }

  fileprivate var addressSetting: Setting {
    switch self {
    case .openAI: .openAIBaseURL
    case .anthropic: .anthropicBaseURL
    case .gemini: .geminiBaseURL
    }
  }
}
