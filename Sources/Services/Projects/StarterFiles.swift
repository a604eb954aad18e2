package import Git

/// The files that projects begin with.
package enum StarterFiles {
  /// The author of all commits that the daemon makes.
  package static func author(seconds: Int) -> Author {
    Author(name: "Vibegrapher", email: "vibegrapher@example.com", seconds: seconds)
  }

  /// A new project: one program that says it is ready.
  static func project(named name: String) -> [String: String] {
    // The name stands in a comment: a line break in it must not begin a line of code.
    // And Python reads "coding: x" in the first two lines as the file's encoding (PEP 263).
    let line = name.split(whereSeparator: \.isNewline).joined(separator: " ")
      .replacing(/(?i)coding([:=])/) { "coding \($0.1)" }
    return [
      "main.py": """
      # Welcome to Vibegrapher
      # Project: \(line)

      def main():
          \"""Main entry point for the application.\"""
          print("Ready for vibecoding!")

      if __name__ == "__main__":
          main()

      """
    ]
  }

  /// The sample project of `seed` and `reset-db`.
  package static let sample = [
    "agents.py": """
    \"""A support desk: a triage agent hands each request to the agent that knows about it.\"""

    from agents import Agent

    billing_agent = Agent(
        name="Billing Agent",
        instructions="You answer questions about invoices, payments and refunds.",
    )

    technical_agent = Agent(
        name="Technical Agent",
        instructions="You help with installation, errors and outages.",
    )

    triage_agent = Agent(
        name="Triage Agent",
        instructions="Decide which agent knows about a request, and hand it over.",
        handoffs=[billing_agent, technical_agent],
    )


    def route(text):
        \"""The agent for a request, by the words in it.\"""
        words = text.lower()
        if any(word in words for word in ("invoice", "payment", "refund")):
            return "billing"
        if any(word in words for word in ("error", "install", "crash", "down")):
            return "technical"
        return "triage"

    """
  ]
}
