import JSON
import Testing

@Suite struct `Members of a JSON text that passes` {
  static let texts: [(String, [String])] = [
    ("{\"usage\": {\"a\": 1}}", ["usage={\"a\":1}"]), ("{\"usage\":null,\"x\":1}", ["usage=null"]),
    ("{\"x\": {\"usage\": 1}, \"y\": [\"usage\", 2], \"usage\" : 3 }", ["usage=3"]),
    ("{\"x\": \"\\\"usage\\\": 4, }{\", \"model\": \"m\"}", ["model=\"m\""]),
    ("{\"usage\":1,\"usage\":[2,{\"a\":\"]}\"}]}", ["usage=1", "usage=[2,{\"a\":\"]}\"}]"]),
    ("{\"us\\u0061ge\":5}", ["usage=5"]),
    ("[{\"usage\":1},\n{\"model\":\"x\",\"usage\":2}]", ["usage=1", "model=\"x\"", "usage=2"]),
    ("[[{\"usage\":1}],{\"a\":[{\"usage\":3}]},4]", []), ("{\"usage\":1", []), ("{\"usage\":tru}", []),
    ("", []), ("12", []),
    ("\"usage\":1", []), ("{}}}{\"usage\":1}", []), ("{\"a\":{},\"usage\":\"\\\\\"}", ["usage=\"\\\\\""]),
    ("{\"usage\"}", []), ("{\"\": 1, \"model\": false}", ["model=false"]),
  ]

  @Test(arguments: texts)
  func `are picked at every split`(text: String, wanted: [String]) {
    let bytes = Array(text.utf8)
    for split in 0...bytes.count {
      var scanner = JSONMemberScanner(names: ["usage", "model"])
      let found = scanner.receive(Array(bytes[..<split])) + scanner.receive(Array(bytes[split...]))
      #expect(found.map { "\($0.name)=\($0.value.encodedText)" } == wanted, "split at \(split)")
    }
  }

  @Test func `are passed over when they are long, and what follows is found`() {
    let long = String(repeating: "x", count: JSONMemberScanner.longestValue)
    var scanner = JSONMemberScanner(names: ["usage", "model"])
    let found = scanner.receive(Array("{\"model\":\"\(long)\",\"\(long)\":1,\"usage\":2}".utf8))
    #expect(found.map(\.name) == ["usage"])
  }
}
