import Sandbox
import Terminal
import Testing

@Suite struct `Request to a terminal` {
  @Test func `is read`() throws {
    let size = try #require(TerminalSize(columns: 120, rows: 40))
    let cases: [(String, TerminalRequest)] = [
      (#"{"type":"input","data":"ls\r"}"#, .input([0x6C, 0x73, 0x0D])),
      (#"{"type":"input","data":""}"#, .input([])),
      (#"{"type":"input","data":"\u20ac"}"#, .input([0xE2, 0x82, 0xAC])),
      (#"{"type":"interrupt"}"#, .interrupt), (#" {"type":"interrupt","more":[1]} "#, .interrupt),
      (#"{"type":"resize","cols":120,"rows":40}"#, .resize(size)),
      (#"{"type":"take"}"#, .take), (#"{"type":"release"}"#, .release), (#"{"type":"ping"}"#, .ping),
    ]
    for (text, wanted) in cases {
      let request = try TerminalRequest(text)
      #expect(request == wanted)
    }
  }

  @Test(arguments: [
    "", "null", "[]", "\"input\"", "{", "{}", #"{"type":7}"#, #"{"type":"exec"}"#, #"{"type":"Input","data":"x"}"#,
    #"{"type":"input"}"#, #"{"type":"input","data":7}"#, #"{"type":"input","data":null}"#, #"{"type":"resize"}"#,
    #"{"type":"resize","cols":80}"#, #"{"type":"resize","cols":"80","rows":24}"#,
    #"{"type":"resize","cols":0,"rows":24}"#,
    #"{"type":"resize","cols":80,"rows":1001}"#, #"{"type":"resize","cols":-1,"rows":24}"#,
    #"{"type":"resize","cols":80.5,"rows":24}"#, #"{"type":"resize","cols":1e300,"rows":24}"#,
    #"{"type":"resize","cols":99999999999999999999,"rows":24}"#,
  ]) func `that is none is refused in a sentence`(text: String) {
    let error = #expect(throws: TerminalError.self) { try TerminalRequest(text) }
    #expect(error?.code == .badMessage)
    #expect(error?.message.contains("must be") == true)
  }

  @Test func `has a size within bounds`() {
    #expect(TerminalSize(columns: 1, rows: 1) != nil)
    #expect(TerminalSize(columns: 1000, rows: 1000) != nil)
    #expect(TerminalSize(columns: 0, rows: 1) == nil)
    #expect(TerminalSize(columns: 1, rows: 70_000) == nil)
  }
}
