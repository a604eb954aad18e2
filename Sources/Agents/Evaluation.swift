package import JSON

/// The evaluator's verdict on a patch.
package struct Evaluation: Sendable, Hashable {
  /// Whether the patch may be shown to a person.
  package let isApproved: Bool
  /// Why, or what to change.
  package let reasoning: String
  /// The message of the commit to be.
  package let commitMessage: String

  /// A verdict.
  package init(isApproved: Bool, reasoning: String, commitMessage: String) {
    self.isApproved = isApproved
    self.reasoning = reasoning
    self.commitMessage = commitMessage
  }

  /// A verdict from a model's structured output; nil when the text is not one.
  package init?(text: String) {
    guard let value = try? JSONParser.parse(text), let isApproved = value["approved"]?.bool else { return nil }
    self.isApproved = isApproved
    reasoning = value["reasoning"]?.string ?? ""
    commitMessage = value["commit_message"]?.string ?? ""
  }

  /// The JSON Schema of the structured output.
  static var schema: JSONValue {
    [
      "type": "object",
      "properties": [
        "approved": ["type": "boolean"], "reasoning": ["type": "string"], "commit_message": ["type": "string"],
      ],
      "required": ["approved", "reasoning", "commit_message"], "additionalProperties": false,
    ]
  }

  /// The verdict as the output of the tool that asked for it.
  package var json: JSONValue {
    [
      "approved": .bool(isApproved), "reasoning": .string(reasoning), "commit_message": .string(commitMessage),
    ]
  }
}
