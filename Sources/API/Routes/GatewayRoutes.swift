import HTTPTypes
import JSON
import Server
import Services
import Store

/// Tokens of the gateway, budgets and usage.
enum GatewayRoutes {
  /// The members of a budget as a client gives them.
  static let limits: [Schema.Field] = [
    .optional("max_cost_usd", .number, "US dollars that its calls of models may cost; any without it."),
    .optional("max_tokens", .integer(minimum: 0), "Tokens that they may use; any number without it."),
    .optional(
      "allow_unpriced_models", .boolean, "Whether models without a price may be called although the cost is limited."),
  ]

  static func limits(of body: JSONValue) -> BudgetLimits {
    BudgetLimits(
      dollars: body["max_cost_usd"]?.number, tokens: body["max_tokens"]?.integer,
      allowsUnpriced: body["allow_unpriced_models"]?.bool ?? false)
  }

  static func all(_ parts: WebAPI.Parts) -> [Route] {
    [making(parts.gatewayTokens)] + tokens(parts.gatewayTokens) + budgets(parts) + [usage(parts)]
  }

  private static let shape = Schema.reference("GatewayToken")

  private static func making(_ tokens: GatewayTokenService) -> Route {
    Route(
      method: .post, path: "/gateway/tokens", id: "createGatewayToken", area: "gateway",
      summary: "Make a token for the gateway",
      about: """
        A program sends it in the place of a provider's key to /gateway/openai, /gateway/anthropic and \
        /gateway/gemini. It is shown this once. Its calls are counted for the project and session that it names.
        """,
      body: .object(
        [
          .optional("project_id", .string(minimum: 1, maximum: 64), "The project."),
          .optional("session_id", .string(minimum: 1, maximum: 64), "The session, held to its budget too."),
          .optional("ttl_seconds", .integer(minimum: 1, maximum: 86_400), "How long it is good; 3600 without it."),
        ] + limits), isBodyOptional: true,
      answers: [.json(.created, shape, "The token, in `token`.")], scope: .execute, isAnswerSecret: true
    ) { call in
      let scope = GatewayTokenService.Scope(
        projectID: call.body["project_id"]?.string, sessionID: call.body["session_id"]?.string,
        keyID: call.caller.keyID, owner: call.caller.owner)
      let made = try await tokens.issue(
        for: scope, life: .seconds(call.body["ttl_seconds"]?.integer ?? 3600), limits: limits(of: call.body))
      return .json(GatewayTokenView.json(made.record, budget: made.budget, token: made.token), .created)
    }
  }

  private static func tokens(_ tokens: GatewayTokenService) -> [Route] {
    [
      Route(
        method: .get, path: "/gateway/tokens", id: "listGatewayTokens", area: "gateway",
        summary: "List the gateway's tokens, newest first", parameters: Route.paging,
        answers: [.json(.ok, .array(shape), "The tokens, without what they are presented by.")]
      ) { call in
        let found = try await tokens.tokens(page: call.page, owner: call.caller.confinement)
        return call.list(found, id: \.id) { GatewayTokenView.json($0) }
      },
      Route(
        method: .get, path: "/gateway/tokens/{id}", id: "getGatewayToken", area: "gateway",
        summary: "Show a token with what it has spent", answers: [.json(.ok, shape, "The token.")], isOwned: false
      ) { call in
        let found = try await tokens.token(call.parameter("id"), owner: call.caller.confinement)
        return .json(GatewayTokenView.json(found.record, budget: found.budget))
      },
      Route(
        method: .delete, path: "/gateway/tokens/{id}", id: "revokeGatewayToken", area: "gateway",
        summary: "Revoke a token", answers: [.empty(.noContent, "It is worthless.")], isOwned: false
      ) { call in
        try await tokens.revoke(call.parameter("id"), owner: call.caller.confinement)
        return Response(.noContent)
      },
    ]
  }

  private static func budgets(_ parts: WebAPI.Parts) -> [Route] {
    let answers = [Route.Answer.json(.ok, .reference("Budget"), "The limits, what is spent, and what is held.")]
    return [
      Route(
        method: .get, path: "/sessions/{id}/budget", id: "getSessionBudget", area: "gateway",
        summary: "Show what a session may spend and has spent", answers: answers
      ) { call in
        let session = try await parts.sessions.session(call.parameter("id"))
        return .json(BudgetView.json(try await parts.budgets.budget(of: .init(scope: .session, id: session.id))))
      },
      Route(
        method: .put, path: "/sessions/{id}/budget", id: "setSessionBudget", area: "gateway",
        summary: "Set what a session may spend",
        about: """
          What the session has spent before counts too. Limits that are left out do not hold. When a call could pass \
          a limit it is not made: the message fails and `budget.exhausted` says why.
          """,
        body: .object(limits), answers: answers
      ) { call in
        let session = try await parts.sessions.session(call.parameter("id"))
        let place = BudgetRecord.Place(scope: .session, id: session.id)
        return .json(BudgetView.json(try await parts.budgets.set(place, to: limits(of: call.body))))
      },
    ]
  }

  private static func usage(_ parts: WebAPI.Parts) -> Route {
    Route(
      method: .get, path: "/usage", id: "getUsage", area: "gateway",
      summary: "Sum up what calls of models used and cost",
      about: "Calls of the agents and of the gateway. A `key` is an access key or a token of the gateway.",
      parameters: [
        .init(
          name: "group_by", schema: .string(values: UsageService.Grouping.allCases.map(\.rawValue)),
          about: "What the sums are made for; project without it."),
        .init(name: "since", schema: .string(maximum: 40), about: "Only calls from this day or time in UTC on."),
        .init(name: "until", schema: .string(maximum: 40), about: "Only calls before this day or time in UTC."),
      ], answers: [.json(.ok, .reference("Usage"), "The sums.")]
    ) { call in
      let grouping = call.query["group_by"]?.string.flatMap(UsageService.Grouping.init) ?? .project
      return .json(
        try await parts.usage.totals(
          by: grouping, since: call.query["since"]?.string, until: call.query["until"]?.string,
          owner: call.caller.confinement))
    }
  }
}
