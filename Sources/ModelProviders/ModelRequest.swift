package import JSON

/// What a model is asked, in no provider's words.
///
/// The conversation is kept as Responses input items, which is also the form in which the agents' memory is stored.
package struct ModelRequest: Sendable, Hashable {
  /// A function that the model may call.
  package struct Tool: Sendable, Hashable {
    /// The name.
    package let name: String
    /// What it does, for the model.
    package let description: String
    /// The JSON Schema of its arguments.
    package let parameters: JSONValue

    /// A tool.
    package init(name: String, description: String, parameters: JSONValue) {
      self.name = name
      self.description = description
      self.parameters = parameters
    }
  }

  /// The form that the answer must have.
  package struct OutputSchema: Sendable, Hashable {
    /// The name.
    package let name: String
    /// The JSON Schema.
    package let schema: JSONValue

    /// A form.
    package init(name: String, schema: JSONValue) {
      self.name = name
      self.schema = schema
    }
  }

  /// The model's name, an alias resolved.
  package var model: String
  /// The system prompt.
  package var instructions: String
  /// The conversation so far, oldest first, as Responses input items.
  package var input: [JSONValue]
  /// The functions.
  package var tools: [Tool]
  /// The form of the answer, or nil for words.
  package var outputSchema: OutputSchema?
  /// Most tokens that it may write.
  package var maximumOutputTokens: Int

  /// A request.
  package init(
    model: String, instructions: String, input: [JSONValue], tools: [Tool] = [], outputSchema: OutputSchema? = nil,
    maximumOutputTokens: Int = 32_768
  ) {
    self.model = model
    self.instructions = instructions
    self.input = input
    self.tools = tools
    self.outputSchema = outputSchema
    self.maximumOutputTokens = maximumOutputTokens
  }
}
