import App

/// The daemon; everything is in `App`.
@main struct Main {
  static func main() async { await Application.main() }
}
