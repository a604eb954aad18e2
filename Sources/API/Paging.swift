import HTTP
import JSON
import Server
import Store

extension Route {
  /// The parameters of a list that may be read in parts.
  static let paging: [Parameter] = [
    Parameter(
      name: "limit", schema: .integer(minimum: 1, maximum: 1000),
      about: "How many at most; all without it. The Link field of the answer names the next part."),
    Parameter(
      name: "after", schema: .string(minimum: 1, maximum: 200), about: "The id of the last one that was read."),
  ]
}

extension Call {
  /// The part of the list that is wanted, or nil for the whole.
  var page: Page? {
    guard query["limit"] != nil || query["after"] != nil else { return nil }
    return Page(limit: query["limit"]?.integer ?? 100, after: query["after"]?.string, owner: caller.confinement)
  }

  /// The answer to a list: its rows, and a link to the next page when a row more than was wanted has been read
  /// (RFC 8288).
  func list<Row>(_ rows: [Row], id: KeyPath<Row, String>, _ json: (Row) -> JSONValue) -> Response {
    guard let page, rows.count > page.limit, let last = rows.prefix(page.limit).last else {
      return .json(.array(rows.map(json)))
    }
    var response = Response.json(.array(rows.prefix(page.limit).map(json)))
    response.fields["link"] = link(limit: page.limit, after: last[keyPath: id])
    return response
  }

  private func link(limit: Int, after: String) -> String {
    let rest = query.members.filter { $0.name != "limit" && $0.name != "after" }.map { parameter in
      "\(parameter.name)=\(PercentEncoding.encode(parameter.value.string ?? parameter.value.encodedText))&"
    }
    let target = "\(request.head.path)?\(rest.joined())limit=\(limit)&after=\(PercentEncoding.encode(after))"
    return "<\(target)>; rel=\"next\""
  }
}
