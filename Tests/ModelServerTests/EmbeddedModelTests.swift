import Agents
import Git
import JSON
import ModelProviders
import ModelServer
import Platform
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct `Embedded model` {
  private static let agents = """
    from agents import Agent

    billing_agent = Agent(
        name="Billing Agent",  # a comment with ) in it
        instructions="You answer \\"money\\" questions.",
    )

    triage_agent = Agent(name="Triage Agent", instructions='''Hand over.''', handoffs=[billing_agent])

    """

  /// What the vibecoder is told, and the diff or the words that come back.
  private static func ask(_ prompt: String, _ code: String? = agents, earlier: [String] = []) async throws -> String {
    let network = NetworkTransport()
    let answer = try await withServer(ModelServer().router) { port in
      let provider = OpenAIResponsesProvider(
        baseURL: "http://127.0.0.1:\(port)/v1", key: Secret("none"), transport: network)
      let files = code.map { [ProposalTask.File(path: "agents.py", text: $0)] } ?? []
      let question = PromptText.request(ProposalTask(prompt: prompt, files: files))
      let input: [JSONValue] = (earlier + [question]).map { ["role": "user", "content": .string($0)] }
      let request = ModelRequest(
        model: "gpt-5", instructions: AllAgents.vibecoder.instructions, input: input, tools: AllAgents.vibecoder.tools)
      let response = try await provider.respond(to: request) { _ in }
      guard let call = response.toolCalls.first else { return response.text }
      return try JSONParser.parse(call.arguments)["patch"]?.string ?? ""
    }
    await network.close()
    return answer
  }

  @Test(arguments: [
    ("Create a triage agent", "", "+triage_agent = Agent("), ("add Spanish agent", agents, "+spanish_agent = Agent("),
    ("Please add an agent called 'Order Desk'.", agents, "+order_desk_agent = Agent("),
    ("rename the billing agent to Invoice", agents, "+    name=\"Invoice Agent\""),
    ("Change the instructions of the triage agent to \"Be kind.\"", agents, "instructions=\"Be kind.\""),
    ("Make the billing agent speak Spanish", agents, "questions. Always answer in Spanish.\""),
  ])
  func `edits code by its rules`(prompt: String, code: String, wanted: String) async throws {
    let patch = try await Self.ask(prompt, code)
    #expect(patch.contains(wanted))
    #expect(patch.hasPrefix("--- "))
  }

  @Test func `knows what it is from the conversation`() async throws {
    let patch = try await Self.ask("Make it speak Spanish", earlier: ["Create a billing agent"])
    #expect(patch.contains("questions. Always answer in Spanish."))
    #expect(!patch.contains("+triage_agent"))
    let added = patch.split(separator: "\n").filter { $0.hasPrefix("+") && $0.contains("Agent(") }
    #expect(added.isEmpty)
  }

  @Test(arguments: [
    ("Which agents are there?", "Billing, Triage"), ("Sing a song", "not a language model"),
    ("Create a billing agent", "already"), ("rename the ghost agent to Casper", "no agent named ghost"),
  ])
  func `answers in words, and says what it is`(prompt: String, wanted: String) async throws {
    let answer = try await Self.ask(prompt)
    #expect(answer.contains(wanted))
  }

  @Test func `renames uses as well as the definition`() async throws {
    let patch = try await Self.ask("rename the billing agent to Money")
    #expect(patch.contains("+money_agent = Agent("))
    #expect(patch.contains("handoffs=[money_agent]"))
  }

  @Test func `refuses what is no request`() async throws {
    let answer = try await withServer(ModelServer().router) { port in
      let client = try RawClient(port: port)
      try await client.send(
        "POST /v1/responses HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 3\r\n\r\n{x}")
      return String(decoding: try await client.readToEnd(), as: UTF8.self)
    }
    #expect(answer.hasPrefix("HTTP/1.1 400 "))
    #expect(answer.contains("invalid_request_error"))
  }
}
