import CResources

/// The page at `/docs`, which the executable carries.
enum DocumentationPage {
  static let bytes: [UInt8] = {
    let file = unsafe cresources_docs_page
    return unsafe Array(UnsafeBufferPointer(start: file.bytes, count: file.size))
  }()
}
