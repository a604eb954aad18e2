import Logging
import Sandbox
import Services

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

  /// Hosts, each with a port or without.
  func hosts(_ setting: Setting) throws(Settings.Fault) -> [String] {
    let hosts = list(setting)
    guard hosts.allSatisfy({ $0.wholeMatch(of: /(\[[0-9a-f:.]+\]|[a-z0-9.\-]+)(:[0-9]{1,5})?/) != nil }) else {
      throw fault(setting, "must be host names, each with a port or without")
    }
    return hosts
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

  /// The name of a field of HTTP (RFC 9110 section 5.6.2).
  func fieldName(_ setting: Setting) throws(Settings.Fault) -> String {
    let text = text(setting)
    guard text.wholeMatch(of: /[A-Za-z0-9!#$%&'*+.^_`|~-]+/) != nil else {
      throw fault(setting, "must be the name of an HTTP field")
    }
    return text
  }

  func terminalBounds() throws(Settings.Fault) -> TerminalBounds {
    var bounds = TerminalBounds()
    bounds.scrollback = try integer(.terminalScrollback, 4096...1 << 30)
    bounds.total = try integer(.terminalLimit, 0...3000)
    bounds.perProject = try integer(.terminalProjectLimit, 0...3000)
    bounds.idle = try seconds(.terminalIdleTimeout, 1...31_536_000)
    bounds.hasNetwork = try flag(.terminalNetwork)
    bounds.memoryBytes = try integer(.terminalMemory, 16...1 << 20) << 20
    return bounds
  }

  /// Checks the settings of parts that read them when they are used.
  func checkTheRest() throws(Settings.Fault) {
    _ = try integer(.maxVariations, 1...10)
    _ = try integer(.maxPromptLength, 10...1_000_000)
    guard let cpu = Double(text(.agentCPULimit)), cpu > 0, cpu <= 1024 else {
      throw fault(.agentCPULimit, "must be a number of cores above 0")
    }
    guard text(.agentMemoryLimit).wholeMatch(of: /[1-9]\d{0,9}[kKmMgG]?/) != nil else {
      throw fault(.agentMemoryLimit, "must be bytes, or a number with k, m or g")
    }
    if let redis = optional(.redisURL), !redis.hasPrefix("redis://"), !redis.hasPrefix("rediss://") {
      throw fault(.redisURL, "must be a redis:// address")
    }
  }

  private func fault(_ setting: Setting, _ wanted: String) -> Settings.Fault {
    Settings.Fault(description: "\(setting.rawValue) \(wanted), found '\(text(setting))'")
  }
}
