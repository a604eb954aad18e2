import Foundation

/// The name of a project's folder and address, made from its name: lower-case ASCII letters, digits and hyphens.
///
/// Never empty, never longer than 60 characters, never anything that a file system or git could read as more than a
/// plain name; so no project's folder can be, or lie in, another's.
package enum Slug {
  /// The slug of a name, before it is made unique: `My Projéct!` becomes `my-project`.
  package static func make(from name: String) -> String {
    let latin = name.applyingTransform(StringTransform("Any-Latin; Latin-ASCII; Lower()"), reverse: false) ?? name
    var slug = ""
    for scalar in latin.unicodeScalars {
      switch scalar {
      case "a"..."z", "0"..."9": slug.unicodeScalars.append(scalar)
      case "A"..."Z": slug += String(scalar).lowercased()
      case "'", "’": continue
      default: if !slug.isEmpty, !slug.hasSuffix("-") { slug += "-" }
      }
      if slug.utf8.count >= 60 { break }
    }
    while slug.hasSuffix("-") { slug.removeLast() }
    return slug.isEmpty ? "project" : slug
  }

  /// The first of `base`, `base-1`, `base-2` and so on that is not taken.
  package static func unique(_ base: String, isTaken: (String) -> Bool) -> String {
    guard isTaken(base) else { return base }
    var number = 1
    while isTaken("\(base)-\(number)") { number += 1 }
    return "\(base)-\(number)"
  }
}
