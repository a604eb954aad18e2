import API
import ArgumentParser
import AsyncHTTPClient
import Foundation
import JSON
import Logging
import ModelProviders
import ModelServer
import NIOCore
import Server

/// `vibegrapher model-server`: the embedded provider alone.
struct ModelServerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "model-server", abstract: "Serve the embedded model provider on loopback.",
    discussion: """
      It speaks OpenAI's Responses API, Anthropic's Messages API and the Gemini API, and answers by rules: it is not a \
      language model.
      """)

  @Option(help: "The port; 0 takes a free one.") var port = 0
  @Option(help: "A folder of cassettes to answer from before the rules.") var cassettes: String?
  @Option(name: .customLong("delay-ms"), help: "The pause between events of a stream.") var delay = 0

  func validate() throws {
    guard (0...65_535).contains(port) else { throw ValidationError("--port must be from 0 to 65535, found \(port)") }
    guard (0...60_000).contains(delay) else {
      throw ValidationError("--delay-ms must be from 0 to 60000, found \(delay)")
    }
  }

  func run() async throws {
    let model = ModelServer(cassettes: cassettes, delay: .milliseconds(delay))
    let logger = Logger(label: "model-server") {
      LineLogHandler(label: $0, level: .info, isTerminal: LineLogHandler.isTerminal)
    }
    let server = try HTTPServer(
      configuration: ServerConfiguration(host: "127.0.0.1", port: port),
      handler: ServerHandler(router: model.router, logger: logger))
    StandardOutput.print("listening on http://127.0.0.1:\(server.port)")
    for (name, setting) in zip(ProviderName.allCases, [Setting.openAIBaseURL, .anthropicBaseURL, .geminiBaseURL]) {
      StandardOutput.print("\(setting.rawValue)=\(ModelServer.baseURL(of: name, port: server.port))")
    }
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await server.run() }
      await Application.stopRequests().wait()
      await server.stop()
    }
  }
}

/// `vibegrapher openapi`: prints the document.
struct OpenAPICommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "openapi", abstract: "Print the OpenAPI document.")

  func run() async throws {
    // The document is written from the routes, which need services: these see an empty folder of their own.
    let folder = FileManager.default.temporaryDirectory.appending(path: "vibegrapher-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let environment = ["DATABASE_URL": "sqlite:///\(folder.path)/empty.db", "MEDIA_PATH": folder.path]
    try await Subsystems.with(try Settings(environment: environment, dotEnv: nil)) { subsystems in
      StandardOutput.print(String(decoding: try subsystems.makeAPI().document, as: UTF8.self))
    }
  }
}

/// `vibegrapher healthcheck`: asks a running daemon.
struct HealthcheckCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "healthcheck", abstract: "Ask the running daemon; exit 0 when it is healthy.")

  func run() async throws {
    let settings = try Settings.ofProcess()
    let host = settings.host.contains(":") ? "[\(settings.host)]" : settings.host
    let address = "http://\(host):\(settings.port)/health"
    let response: HTTPClientResponse
    do {
      response = try await HTTPClient.shared.execute(HTTPClientRequest(url: address), timeout: .seconds(5))
    } catch {
      throw Settings.Fault(description: "no daemon answers at \(address): start it with 'vibegrapher serve'")
    }
    let body = Array((try await response.body.collect(upTo: 64 * 1024)).readableBytesView)
    let status = (try? JSONParser.parse(body))?["status"]?.string ?? "unknown"
    StandardOutput.print(status)
    guard status == "healthy" else { throw ExitCode.failure }
  }
}
