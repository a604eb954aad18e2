import Logging
import Sandbox

/// Where the values of settings come from, and how their texts are checked.
struct SettingSource {
  private var values: [String: String] = [:]

  init(environment: [String: String], dotEnv: String?) {
    for (name, value) in DotEnv.parse(dotEnv ?? "") { values[name.uppercased()] = value }
    // Exact names go before those in other cases.
    for (name, value) in environment where name != name.uppercased() { values[name.uppercased()] = value }
    for (name, value) in environment where name == name.uppercased() { values[name] = value }
  }

  func isSet(_ setting: Setting) -> Bool { values[setting.rawValue]?.isEmpty == false }

  func text(_ setting: Setting) -> String {
    isSet(setting) ? values[setting.rawValue] ?? "" : setting.defaultValue
  }

  func optional(_ setting: Setting) -> String? {
    let text = text(setting)
    return text.isEmpty ? nil : text
  }

  func required(_ setting: Setting) throws(Settings.Fault) -> String {
    guard let text = optional(setting) else { throw fault(setting, "must not be empty") }
    return text
  }

  func integer(_ setting: Setting, _ range: ClosedRange<Int>) throws(Settings.Fault) -> Int {
    guard let value = Int(text(setting)), range.contains(value) else {
      throw fault(setting, "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  /// A number of seconds, perhaps with decimals.
  func seconds(_ setting: Setting, _ range: ClosedRange<Double>) throws(Settings.Fault) -> Duration {
    guard let value = Double(text(setting)), range.contains(value) else {
      throw fault(setting, "must be seconds from \(range.lowerBound) to \(range.upperBound)")
    }
    return .milliseconds(Int(value * 1000))
  }

  func flag(_ setting: Setting) throws(Settings.Fault) -> Bool {
    switch text(setting).lowercased() {
    case "true", "1", "yes", "on": return true
    case "false", "0", "no", "off": return false
    default: throw fault(setting, "must be true or false")
    }
  }

  /// Values that are separated by commas, in lower case.
  func requirement(_ setting: Setting) throws(Settings.Fault) -> SandboxRequirement {
    guard let requirement = SandboxRequirement(rawValue: text(setting).lowercased()) else {
      throw fault(setting, "must be one of \(SandboxRequirement.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return requirement
  }

  func features(_ setting: Setting) throws(Settings.Fault) -> SandboxFeatures {
    var features: SandboxFeatures = []
    for name in list(setting) {
      guard let feature = SandboxFeatures(name: name) else {
        throw fault(setting, "must be a list of \(SandboxFeatures.all.names.joined(separator: ", "))")
      }
      features.insert(feature)
    }
    return features
  }

  func list(_ setting: Setting) -> [String] {
    text(setting).split(separator: ",").map { part in
      String(part.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed()).lowercased()
    }.filter { !$0.isEmpty }
  }

  func address(_ setting: Setting) throws(Settings.Fault) -> String {
    let text = text(setting)
    guard text.hasPrefix("https://") || text.hasPrefix("http://"), text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
    else { throw fault(setting, "must be an http or https address") }
    return text
  }

  func databaseURL(_ setting: Setting) throws(Settings.Fault) -> String {
    let text = text(setting)
    guard text.hasPrefix("sqlite:///"), text.count > "sqlite:///".count, !text.hasSuffix("/") else {
      throw fault(setting, "must be sqlite:///PATH")
    }
    return text
  }

  func logLevel() throws(Settings.Fault) -> Logger.Level {
    guard let level = Logger.Level(rawValue: text(.logLevel).lowercased()) else {
      throw fault(.logLevel, "must be one of " + Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return level
  }

  /// Without access keys anybody who reaches the server may do anything, so only this machine may reach it.
  func loopbackHost() throws(Settings.Fault) -> String {
    let host = text(.host)
    guard host == "localhost" || host == "::1" || host.hasPrefix("127.") else {
      throw fault(
        .host, "must be an address of this machine alone (127.0.0.1, ::1, localhost), since access keys are not in use")
    }
    return host
  }

  /// Checks the settings of parts that read them when they are used.
  func checkTheRest() throws(Settings.Fault) {
    _ = try integer(.maxVariations, 1...10)
    _ = try integer(.maxPromptLength, 10...1_000_000)
    _ = try integer(.cloneTimeout, 1...86_400)
    _ = try integer(.maxRepoSize, 1...1_000_000)
    _ = try required(.apiKeyHeader)
    _ = try address(.anthropicBaseURL)
    _ = try address(.geminiBaseURL)
    guard let cpu = Double(text(.agentCPULimit)), cpu > 0, cpu <= 1024 else {
      throw fault(.agentCPULimit, "must be a number of cores above 0")
    }
    guard text(.agentMemoryLimit).wholeMatch(of: /[1-9]\d{0,9}[kKmMgG]?/) != nil else {
      throw fault(.agentMemoryLimit, "must be bytes, or a number with k, m or g")
    }
    if let redis = optional(.redisURL), !redis.hasPrefix("redis://"), !redis.hasPrefix("rediss://") {
      throw fault(.redisURL, "must be a redis:// address")
    }
    for secret in [Setting.anthropicKey, .geminiKey, .openAIKey]
    where !text(secret).utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) {
      throw Settings.Fault(description: "\(secret.rawValue) must be visible ASCII without spaces")
    }
  }

  private func fault(_ setting: Setting, _ wanted: String) -> Settings.Fault {
    Settings.Fault(description: "\(setting.rawValue) \(wanted), found '\(text(setting))'")
  }
}
