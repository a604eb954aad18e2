/// What the work on a request may know of it without being handed it: for the log.
package enum RequestContext {
  /// The id of the request that the task works on; nil in work that belongs to none, or that outlives its request.
  @TaskLocal package static var id: String?
}
