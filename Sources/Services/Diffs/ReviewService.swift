import Agents
import EventLog
import JSON
import ModelProviders
import Platform
package import Store

/// What a person does with a diff that waits: approves all or a part of it, or rejects it, with words that start the
/// next round; and asks for a better commit message.
package struct ReviewService: Sendable {
  /// What came of a review.
  package struct Outcome: Sendable {
    /// The diff.
    package let diff: DiffRecord
    /// The message whose work makes the next diff, after a rejection with feedback.
    package var messageID: String?
    /// The part that was not taken.
    package var rest: DiffRecord?
  }

  /// A proposed commit message.
  package struct Refinement: Sendable {
    /// The message so far.
    package let original: String
    /// The better one.
    package let refined: String
    /// Why it is better.
    package let suggestion: String
  }

  private let diffs: DiffService
  private let messages: MessageService

  /// Reviews of these diffs, whose next rounds are messages like any other.
  package init(diffs: DiffService, messages: MessageService) {
    self.diffs = diffs
    self.messages = messages
  }

  /// Approves a diff, or only the files and hunks that are named.
  package func approve(_ id: String, files: [String]?, hunks: [Int]?) async throws -> Outcome {
    guard files != nil || hunks != nil else {
      return Outcome(diff: try await diffs.judge(id, isApproved: true, feedback: nil))
    }
    let (diff, rest) = try await diffs.take(id, files: files ?? [], hunks: hunks ?? [])
    return Outcome(diff: diff, rest: rest)
  }

  /// Rejects a diff; feedback becomes a message in the diff's session, stored in the same transaction, whose work
  /// begins with the rejected patch; its cost counts to the access key.
  package func reject(_ id: String, feedback: String?, keyID: String?) async throws -> Outcome {
    let diff = try await diffs.pendingReview(id)
    let feedback = feedback.map(diffs.journal.redactor.redact)
    guard let feedback, !feedback.isEmpty, let session = diff.sessionId else {
      return Outcome(diff: try await diffs.judge(id, isApproved: false, feedback: feedback))
    }
    let submission = MessageService.Submission(
      session: session, project: diff.projectId, prompt: feedback, messageID: UUIDv7.make(), parentDiffID: id,
      keyID: keyID)
    let rejected = try await diffs.judge(id, isApproved: false, feedback: feedback) { db, events in
      // The session may have been removed in between; the verdict stands all the same.
      if try db.session(id: session) != nil { _ = try submission.insert(into: db, &events) }
    }
    let isStarted = try await messages.begin(submission)
    return Outcome(diff: rejected, messageID: isStarted ? submission.messageID : nil)
  }

  /// Asks the evaluator for a better commit message; what it costs is recorded like any other answer of a model, and
  /// held to the budgets of the diff's session and of the access key.
  package func refine(_ id: String, message: String?, wish: String?, keyID: String?) async throws -> Refinement {
    let diff = try await diffs.stored(id)
    let original = message?.isEmpty == false ? message ?? "" : diff.commitMessage
    let environment = RefinementEnvironment(
      recorder: RunRecorder(
        journal: diffs.journal, projectID: diff.projectId, sessionID: diff.sessionId ?? "", requestID: UUIDv7.make(),
        traceID: "trace_" + UUIDv7.make().filter { $0 != "-" }), hasSession: diff.sessionId != nil)
    let caller = ModelCaller(projectID: diff.projectId, sessionID: diff.sessionId, keyID: keyID)
    do {
      let refined = try await ModelCaller.$current.withValue(caller) {
        try await messages.loop.refine(
          message: original, wish: wish, request: diff.vibecoderPrompt, patch: diff.diffContent, in: environment)
      }
      return Refinement(original: original, refined: refined.message, suggestion: refined.reason)
    } catch let error as ModelError {
      throw ServiceError(.unavailable, "the evaluator proposed no message: \(error.message)")
    }
  }
}

/// What a request for a commit message needs: its usage is recorded, its steps are nobody's conversation.
private struct RefinementEnvironment: ProposalEnvironment {
  let recorder: RunRecorder
  let hasSession: Bool

  func check(patch: String) async throws -> PatchVerdict { .refused("no patch is asked for") }

  func report(_ step: ProposalStep) async throws {
    guard case .responded(let agent, let iteration, let response) = step else { return }
    await recorder.recordUsage(of: response, agent: agent, iteration: iteration, asRow: hasSession)
  }
}
