import JSON

/// What a request asks, whatever wire format it came in.
struct EmbeddedQuestion: Sendable {
  /// A function that may be called.
  struct Tool: Sendable {
    let name: String
    /// The JSON Schema of its arguments.
    let parameters: JSONValue
  }

  /// Which function must be called.
  enum Demand: Sendable {
    case none, any
    case named(String)
  }

  /// The conversation, oldest first, as Responses input items.
  let items: [JSONValue]
  var tools: [Tool] = []
  var demand = Demand.none
  /// The form that the answer must have.
  var schema: JSONValue?

  /// The function that must be called, when it is there.
  var demanded: Tool? {
    switch demand {
    case .none: nil
    case .any: tools.first
    case .named(let name): tools.first { $0.name == name }
    }
  }
}

/// What the rules decided.
enum EmbeddedAnswer: Sendable, Hashable {
  /// Words.
  case text(String)
  /// A call of a function with its arguments, JSON text.
  case call(name: String, arguments: String)

  /// The model's name in answers, whatever name was asked for.
  static let model = "embedded-rules"

  /// Everything that it says.
  var text: String {
    switch self {
    case .text(let text): text
    case .call(_, let arguments): arguments
    }
  }

  /// A guess at its tokens.
  var tokens: Int { max(1, text.utf8.count / 4) }

  /// A guess at the tokens of a request.
  static func tokens(of request: JSONValue) -> Int { max(1, request.encodedBytes.count / 4) }

  /// A text in pieces, as a model would write it.
  static func pieces(of text: String, size: Int) -> [String] {
    var pieces: [String] = []
    var rest = text[...]
    while !rest.isEmpty {
      pieces.append(String(rest.prefix(size)))
      rest = rest.dropFirst(size)
    }
    return pieces
  }
}
