// swift-tools-version: 6.3
import PackageDescription

/// The same strict settings for every target: see README, "House rules".
let settings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InferIsolatedConformances"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .enableUpcomingFeature("ImmutableWeakCaptures"),
  .treatAllWarnings(as: .error),
  .strictMemorySafety(),
  .treatWarning("StrictMemorySafety", as: .warning),
]

let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")
let asyncHTTPClient = Target.Dependency.product(
  name: "AsyncHTTPClient", package: "async-http-client")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

/// A Swift target under `Sources/` with the house settings.
func room(_ name: String, _ dependencies: [Target.Dependency], path: String? = nil) -> Target {
  .target(name: name, dependencies: dependencies, path: path, swiftSettings: settings)
}

/// A test target under `Tests/`, which mirrors the target it is named after.
func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
  .testTarget(name: name, dependencies: dependencies + ["TestSupport"], exclude: exclude, swiftSettings: settings)
}

let package = Package(
  name: "vibegrapher",
  products: [.executable(name: "vibegrapher", targets: ["vibegrapher"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
  ],
  targets: [
    // The top: one executable, and the only target that sees everything.
    .executableTarget(name: "vibegrapher", dependencies: ["App"], swiftSettings: settings),
    room(
      "App",
      [
        "API", "Agents", "EventLog", "HTTP", "JSON", "ModelProviders", "ModelServer", "Platform",
        "PythonSource", "Sandbox", "Server", "Services", "Store", argumentParser, asyncHTTPClient, grdb, httpTypes,
        logging, nioCore,
      ]),

    // What the world sees.
    room(
      "API",
      [
        "Services", "Server", "HTTP", "WebSocket", "SocketIO", "EventLog", "ModelProviders", "Store", "Git", "Platform",
        "PythonSource", "Sandbox", "Terminal", "JSON", "CResources", crypto, httpTypes, logging,
      ]),
    room("ModelServer", ["Server", "ModelProviders", "Git", "JSON", httpTypes]),

    // The rules of the product.
    room(
      "Services",
      [
        "CPlatform", "CResources", "Agents", "ModelProviders", "EventLog", "Store", "Git", "Platform", "PythonSource",
        "Sandbox", "Terminal", "JSON", crypto, grdb, logging,
      ]),
    room("Agents", ["ModelProviders", "JSON"]),
    room(
      "ModelProviders",
      ["Platform", "JSON", "CResources", asyncHTTPClient, crypto, nioCore, nioHTTP1, nioPosix]),
    room("PythonSource", ["Sandbox", "JSON", "CResources"]),
    room("EventLog", ["Store", "Platform", "JSON", grdb, logging]),
    room("Store", ["CResources", "Platform", "JSON", grdb]),
    room("Git", ["CGit2", "Platform"]),
    room("Sandbox", ["CPlatform", "Platform"]),
    room("Terminal", ["Sandbox", "Platform", "JSON"]),

    // The server and its protocols.
    room("Server", ["HTTP", "WebSocket", "Compression", "CPlatform", "Platform", "JSON", httpTypes, logging]),
    room("SocketIO", ["JSON"]),
    room("WebSocket", ["HTTP", "Compression", crypto, httpTypes]),
    room("HTTP", [httpTypes]),
    room("Compression", ["CZlib"]),
    room("JSON", []),

    // The ground.
    room("Platform", ["CPlatform"]),
    // Functions are bound at the start and not at their first call: what runs in a copy of the process, without most of
    // its memory, must not need the dynamic linker (see sandbox_memory.c). It is also what hardening asks for.
    .target(name: "CPlatform", linkerSettings: [.unsafeFlags(["-Xlinker", "-z", "-Xlinker", "now"])]),
    .target(name: "CResources"),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CGit2", pkgConfig: "libgit2", providers: [.apt(["libgit2-dev"])]),

    // Tests.
    .target(
      name: "TestSupport",
      dependencies: ["Server", "HTTP", "ModelProviders", "JSON", "Platform", httpTypes, logging],
      path: "Tests/TestSupport", swiftSettings: settings),
    tests("JSONTests", ["JSON"]),
    tests("HTTPTests", ["HTTP", "JSON", httpTypes]),
    tests("CompressionTests", ["Compression"]),
    tests("WebSocketTests", ["WebSocket", "HTTP", "Compression"]),
    tests("PlatformTests", ["Platform"]),
    tests("ServerTests", ["Server", "HTTP", "JSON", "WebSocket", httpTypes]),
    tests("SocketIOTests", ["SocketIO", "JSON"]),
    room("FuzzProperties", ["HTTP", "WebSocket", "SocketIO", "JSON", "Git", httpTypes], path: "Tests/Fuzz/Properties"),
    tests("FuzzTests", ["FuzzProperties"]),
    tests("StoreTests", ["Store", grdb]),
    tests("EventLogTests", ["EventLog", "Store", "JSON", grdb, logging]),
    tests("GitTests", ["Git"]),
    tests("SandboxTests", ["Sandbox"], exclude: ["Attacks"]),
    tests("TerminalTests", ["Terminal", "Sandbox", "Platform", "JSON"]),
    tests("PythonSourceTests", ["PythonSource", "Sandbox"], exclude: ["helper"]),
    tests("ModelProvidersTests", ["ModelProviders", "Server", "HTTP", "JSON", "Platform", httpTypes]),
    tests("ModelServerTests", ["ModelServer", "ModelProviders", "Agents", "Git", "JSON", "Platform"]),
    tests("AgentsTests", ["Agents", "ModelProviders", "JSON"]),
    tests(
      "ServicesTests",
      ["Services", "Store", "EventLog", "Git", "Platform", "PythonSource", "Agents", "ModelProviders", "JSON", logging]),
    tests("APITests", ["API", "Server", "JSON"]),
    tests("AppTests", ["App", logging]),
  ],
  swiftLanguageModes: [.v6]
)
