import HTTP
import HTTPTypes
import JSON
import Platform
import Server
import Services

/// Access keys and tickets.
enum KeyRoutes {
  static func all(_ parts: WebAPI.Parts, _ tickets: Tickets) -> [Route] {
    [list(parts.keys), create(parts.keys), revoke(parts.keys), ticket(tickets)]
  }

  private static func list(_ keys: AccessKeys) -> Route {
    Route(
      method: .get, path: "/keys", id: "listKeys", area: "keys", summary: "List the access keys, oldest first",
      answers: [.json(.ok, .array(.reference("AccessKey")), "The keys, without what nobody has: their texts.")],
      isAtRoot: false, scope: .admin
    ) { _ in .json(.array(try await keys.list())) }
  }

  private static func create(_ keys: AccessKeys) -> Route {
    Route(
      method: .post, path: "/keys", id: "createKey", area: "keys", summary: "Make an access key",
      about: "The answer shows the key as `key`, this once. From the first key on, every request needs one.",
      body: .object([
        .required("owner", .string(minimum: 1, maximum: 64), "Whose it is, and whose what is made with it will be."),
        .optional("scopes", .array(.string(values: AccessKeys.scopeNames)), "read, write and execute by default."),
        .optional("expires", .string(maximum: 10), "After 90d, 12h, 30m; never by default."),
        .optional("daily_requests", .integer(minimum: 1), "Most requests of a UTC day."),
        .optional("daily_cost_usd", .number, "Most US dollars for models of a UTC day."),
        .optional("adopt", .boolean, "Whether its owner gets the projects that nobody owns."),
      ]),
      answers: [.json(.created, .reference("AccessKey"), "The key.")], isAtRoot: false, scope: .admin,
      isAnswerSecret: true
    ) { call in
      let body = call.body
      var order = AccessKeys.Order(owner: body["owner"]?.string ?? "")
      if let scopes = body["scopes"]?.array { order.scopes = scopes.compactMap(\.string) }
      order.expires = body["expires"]?.string
      order.dailyRequests = body["daily_requests"]?.integer
      order.dailyCost = body["daily_cost_usd"]?.number
      let made = try await keys.create(order, adopts: body["adopt"]?.bool ?? false)
      guard case .object(var object) = AccessKeyView.json(made.record, requests: 0, cost: 0) else {
        return .json(.null)
      }
      object["key"] = .string(made.key)
      object["adopted_projects"] = .integer(made.adopted)
      var response = Response.json(.object(object), .created)
      response.fields["cache-control"] = "no-store"
      return response
    }
  }

  private static func revoke(_ keys: AccessKeys) -> Route {
    Route(
      method: .delete, path: "/keys/{id}", id: "revokeKey", area: "keys", summary: "Take an access key back",
      about: "Its connections end. The key stays in the list.",
      answers: [.empty(.noContent, "It is not valid any more.")],
      isAtRoot: false, scope: .admin, isOwned: false
    ) { call in
      try await keys.revoke(call.parameter("id"))
      return Response(.noContent)
    }
  }

  private static func ticket(_ tickets: Tickets) -> Route {
    Route(
      method: .post, path: "/tickets", id: "createTicket", area: "keys",
      summary: "Get a ticket for a WebSocket or an event stream of a page",
      about: "Put it into the address as `ticket`; it stands for the caller's key, once, within a minute.",
      answers: [
        .json(
          .created, .object([.required("ticket", .string()), .required("expires_at", .string())]), "The ticket.")
      ], isAtRoot: false, scope: .read, isAnswerSecret: true
    ) { call in
      let end = Timestamp.now.adding(Tickets.lifetime)
      var response = Response.json(
        ["ticket": .string(tickets.issue(to: call.caller)), "expires_at": .string(end.text)], .created)
      response.fields["cache-control"] = "no-store"
      return response
    }
  }
}
