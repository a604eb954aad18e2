/// What keys of well-known services look like: a beginning, and how it goes on.
struct SecretShape: Sendable {
  /// What a look at some bytes may find.
  enum Finding: Hashable {
    /// No secret begins here.
    case none
    /// These bytes are one.
    case secret(Range<Int>)
    /// It depends on bytes that have not come yet.
    case undecided
  }

  /// What keeps words from being taken for secrets.
  enum Demand {
    case nothing
    /// A digit.
    case digit
    /// A stretch of letters and digits, some of each, that no name in a program would have.
    case stretch
  }

  /// Which bytes go on.
  struct Class: Sendable {
    private let members: [Bool]

    init(_ others: String = "", isUpperOnly: Bool = false) {
      members = (0...255).map { value in
        let byte = UInt8(value)
        let isLower = byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z")
        return SecretShape.isAlphanumeric(byte) && !(isUpperOnly && isLower) || others.utf8.contains(byte)
      }
    }

    func contains(_ byte: UInt8) -> Bool { members[Int(byte)] }
  }

  /// How it begins, in lower case when case does not matter.
  let prefix: [UInt8]
  let ignoresCase: Bool
  /// The bytes that may stand between the prefix and the secret; the prefix is kept then.
  private let separators: Class?
  private let body: Class
  private let least: Int
  private let exactly: Bool
  /// What the body must have beside its length, so that it is no word.
  private let demand: Demand

  private init(
    _ prefix: String, _ body: Class, least: Int, exactly: Bool = false, demand: Demand = .nothing,
    behind separators: Class? = nil
  ) {
    self.prefix = Array((separators == nil ? prefix : prefix.lowercased()).utf8)
    self.body = body
    self.least = least
    self.exactly = exactly
    self.demand = demand
    self.separators = separators
    ignoresCase = separators != nil
  }

  private static let word = Class("-_")
  private static let token = Class("-_.~+/=")
  private static let marks = Class.marks

  /// Every shape.
  static let all: [SecretShape] =
    ["sk-ant-", "sk-proj-", "sk-svcacct-", "sk-admin-"].map { SecretShape($0, word, least: 20) }
    + [SecretShape("sk-", word, least: 20, demand: .stretch)]
    + [SecretShape("AIza", word, least: 35), SecretShape("ya29.", word, least: 20)]
    + [SecretShape("GOCSPX-", word, least: 20)]
    + ["ghp_", "gho_", "ghu_", "ghs_", "ghr_"].map { SecretShape($0, Class(), least: 36) }
    + [SecretShape("github_pat_", Class("_"), least: 22)]
    + ["AKIA", "ASIA"].map { SecretShape($0, Class(isUpperOnly: true), least: 16, exactly: true) }
    + [SecretShape("vgt_", word, least: 43), SecretShape("vg_", word, least: 43)]
    + ["bearer", "x-api-key", "x-goog-api-key", "api-key"].map {
      SecretShape($0, token, least: 16, demand: .digit, behind: marks)
    }
    + ["aws_secret_access_key", "secretaccesskey"].map {
      SecretShape($0, Class("/+="), least: 40, exactly: true, behind: marks)
    }

  /// Looks for a secret that begins at a place which is known to be the beginning of a word.
  ///
  /// `isEnd` says that nothing follows the bytes.
  func find(in bytes: Span<UInt8>, at start: Int, isEnd: Bool) -> Finding {
    var position = start
    for expected in prefix {
      guard position < bytes.count else { return isEnd ? .none : .undecided }
      let byte = bytes[position]
      guard byte == expected || ignoresCase && byte | 0x20 == expected && Self.isAlphanumeric(byte) else {
        return .none
      }
      position += 1
    }
    if let separators {
      let limit = min(bytes.count, position + 6)
      let first = position
      while position < limit, separators.contains(bytes[position]) { position += 1 }
      guard position < bytes.count else { return isEnd ? .none : .undecided }
      guard position > first else { return .none }
    }
    let bodyStart = position
    while position < bytes.count, body.contains(bytes[position]) { position += 1 }
    if position == bytes.count, !isEnd { return .undecided }
    let count = position - bodyStart
    guard exactly ? count == least : count >= least else { return .none }
    guard Self.meets(demand, bytes, bodyStart..<position) else { return .none }
    return .secret((separators == nil ? start : bodyStart)..<position)
  }

  private static func meets(_ demand: Demand, _ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
    var (length, digits) = (0, 0)
    for index in range {
      guard isAlphanumeric(bytes[index]) else {
        if demand == .stretch { (length, digits) = (0, 0) }
        continue
      }
      length += 1
      if bytes[index] <= UInt8(ascii: "9") { digits += 1 }
      if demand == .digit, digits > 0 { return true }
      if demand == .stretch, length >= 10, digits > 0, digits < length || length >= 16 { return true }
    }
    return demand == .nothing
  }

  static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "a")...UInt8(ascii: "z"):
      true
    default: false
    }
  }
}

extension SecretShape.Class {
  /// What stands between the name of a header or a setting and its value, in any of the usual notations.
  fileprivate static let marks: Self = {
    var members = [Bool](repeating: false, count: 256)
    for byte in " :=\"'\\,\t".utf8 { members[Int(byte)] = true }
    return Self(members: members)
  }()

  private init(members: [Bool]) { self.members = members }
}
