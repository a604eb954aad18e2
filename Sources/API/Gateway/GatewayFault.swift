import HTTP
import HTTPTypes
import JSON
import ModelProviders
import Server

/// Why the gateway itself refuses a request or has no answer: told in the words of the provider that was meant, so that
/// its clients understand.
struct GatewayFault: Error, Sendable {
  enum Kind: Sendable {
    case invalid, unauthenticated, forbidden, tooLarge, exhausted, unreachable, timedOut
  }

  let kind: Kind
  let message: String
  /// Whether the client should not try again, whatever the status says to it.
  var isFinal = true

  init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  /// What became of a request that was not answered.
  init(_ error: ModelError) {
    switch error.code {
    case .budgetExhausted: self.init(.exhausted, error.message)
    case .unpriced: self.init(.forbidden, error.message)
    case .timedOut: self.init(.timedOut, error.message)
    default: self.init(.unreachable, error.message)
    }
    isFinal = !error.isRetryable
  }

  /// The status, OpenAI's type and code, Anthropic's type and Gemini's status.
  private var words: (status: HTTPResponse.Status, openAI: String, code: String?, anthropic: String, gemini: String) {
    switch kind {
    case .invalid: (.badRequest, "invalid_request_error", nil, "invalid_request_error", "INVALID_ARGUMENT")
    case .unauthenticated:
      (.unauthorized, "invalid_request_error", "invalid_api_key", "authentication_error", "UNAUTHENTICATED")
    case .forbidden: (.forbidden, "invalid_request_error", nil, "permission_error", "PERMISSION_DENIED")
    case .tooLarge: (.contentTooLarge, "invalid_request_error", nil, "request_too_large", "INVALID_ARGUMENT")
    case .exhausted:
      (.tooManyRequests, "insufficient_quota", "insufficient_quota", "rate_limit_error", "RESOURCE_EXHAUSTED")
    case .unreachable: (.badGateway, "server_error", nil, "api_error", "UNAVAILABLE")
    case .timedOut: (.gatewayTimeout, "server_error", nil, "timeout_error", "DEADLINE_EXCEEDED")
    }
  }

  /// The answer in a provider's form.
  func response(_ provider: ProviderName, requestID: String) -> Response {
    let words = words
    let text = JSONValue.string(message)
    let body: JSONValue
    switch provider {
    case .openAI:
      body = ["error": ["message": text, "type": .string(words.openAI), "param": nil, "code": JSONValue(words.code)]]
    case .anthropic:
      body = [
        "type": "error", "error": ["type": .string(words.anthropic), "message": text],
        "request_id": .string(requestID),
      ]
    case .gemini:
      body = ["error": ["code": .integer(words.status.code), "message": text, "status": .string(words.gemini)]]
    }
    var response = Response.json(body, words.status)
    if isFinal { response.fields["x-should-retry"] = "false" }
    return response
  }
}
