import GRDB

/// A part of a list that is read in the order of creation: so many rows behind a row.
///
/// Keyset paging: the place in the list is a row and not a count, so that rows which come or go do not shift the rest.
package struct Page: Sendable, Hashable {
  /// How many rows.
  package let limit: Int
  /// The id of the row behind which the part begins; nil for the list's beginning.
  package let after: String?
  /// The owner to whose rows its reader is confined; nil when all may be seen.
  package let owner: String?

  /// A part of a list.
  package init(limit: Int, after: String?, owner: String? = nil) {
    self.limit = limit
    self.after = after
    self.owner = owner
  }
}

extension Database {
  /// What stands behind `WHERE ...` to read a list in the order of creation: the whole of it, or a page and one row
  /// more, which tells that there is another page.
  ///
  /// - Throws: `StoreError.unknownRow` when the page begins behind a row that is not there.
  func order(of table: String, as alias: String, newestFirst: Bool, page: Page?) throws -> SQL {
    let (comparison, direction) = newestFirst ? ("<", "DESC") : (">", "ASC")
    var clause: SQL = ""
    if let after = page?.after {
      guard try isVisible(after, in: table, to: page?.owner),
        let row = try Row.fetchOne(self, sql: "SELECT created_at, rowid FROM \(table) WHERE id = ?", arguments: [after])
      else {
        throw StoreError(.unknownRow, "after must be the id of the last entry that was read, found '\(after)'")
      }
      let (time, number): (String, Int64) = (row[0], row[1])
      clause += "AND (\(sql: alias).created_at, \(sql: alias).rowid) \(sql: comparison) (\(time), \(number)) "
    }
    clause += "ORDER BY \(sql: "\(alias).created_at \(direction), \(alias).rowid \(direction)")"
    if let page { clause += " LIMIT \(page.limit + 1)" }
    return clause
  }

  /// Whether a row may be known to be there by a reader who is confined to an owner's.
  private func isVisible(_ id: String, in table: String, to owner: String?) throws -> Bool {
    guard let owner, let kind = OwnedKind.allCases.first(where: { $0.table == table }) else { return true }
    return try isOwned(kind, id: id, by: owner)
  }
}
