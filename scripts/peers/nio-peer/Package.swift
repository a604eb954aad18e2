// swift-tools-version: 6.0
import PackageDescription

/// A peer of `scripts/bench`: the same routes on SwiftNIO's own HTTP/1.1 and WebSocket.
let package = Package(
  name: "nio-peer",
  dependencies: [.package(url: "https://github.com/apple/swift-nio", exact: "2.101.2")],
  targets: [
    .executableTarget(
      name: "NIOPeer",
      dependencies: [
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOWebSocket", package: "swift-nio"),
      ])
  ],
  swiftLanguageModes: [.v5]
)
