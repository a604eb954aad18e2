/// Stands in for the cryptography library, which takes minutes to build with the sanitizers: the digest in the answer
/// to a handshake is not what is looked at.
public enum Insecure {
  /// No digest at all.
  public enum SHA1 {
    /// As many bytes as a digest has.
    public static func hash(data: some Sequence<UInt8>) -> [UInt8] { [UInt8](repeating: 0, count: 20) }
  }
}
