// swift-tools-version: 6.1
import PackageDescription

/// A peer of `scripts/bench http`: Hummingbird 2 with `/health`.
let package = Package(
  name: "hummingbird-peer",
  platforms: [.macOS(.v15)],
  dependencies: [.package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1")],
  targets: [
    .executableTarget(
      name: "HummingbirdPeer", dependencies: [.product(name: "Hummingbird", package: "hummingbird")])
  ]
)
