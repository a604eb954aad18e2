import JSON
import SocketIO
import Testing

@Suite struct `Packets of Engine.IO and Socket.IO` {
  static let payloads: [(String, [EngineIOPacket])] = [
    ("2", [.ping("")]), ("3probe", [.pong("probe")]), ("1", [.close]), ("5", [.upgrade]), ("6", [.noop]),
    ("4hello\u{1E}2\u{1E}4€", [.message("hello"), .ping(""), .message("€")]),
    ("bAQIDBA==\u{1E}4", [.binary([1, 2, 3, 4]), .message("")]), ("0{\"sid\":\"x\"}", [.open("{\"sid\":\"x\"}")]),
  ]

  @Test(arguments: payloads)
  func `of a payload are read and written alike`(text: String, packets: [EngineIOPacket]) throws {
    #expect(try EngineIOPacket.decode(payload: Array(text.utf8)) == packets)
    #expect(EngineIOPacket.payload(packets) == text)
  }

  @Test(arguments: ["", "7", "x", "\u{1E}", "4a\u{1E}", "b!!!", "é"])
  func `that are none are refused`(payload: String) {
    #expect(throws: SocketIOError.self) { try EngineIOPacket.decode(payload: Array(payload.utf8)) }
  }

  static let packets: [(String, SocketIOPacket)] = [
    ("0", SocketIOPacket(.connect)), ("0{\"token\":1}", SocketIOPacket(.connect, data: ["token": 1])),
    ("0/admin,", SocketIOPacket(.connect, namespace: "/admin")), ("1", SocketIOPacket(.disconnect)),
    ("2[\"a\"]", .event("a")), ("2[\"a\",{\"b\":1}]", .event("a", ["b": 1])),
    ("212[\"a\"]", SocketIOPacket(.event, id: 12, data: ["a"])),
    ("2/admin,456[\"a\"]", SocketIOPacket(.event, namespace: "/admin", id: 456, data: ["a"])),
    ("3/admin,456[]", SocketIOPacket(.acknowledgement, namespace: "/admin", id: 456, data: [])),
    ("4{\"message\":\"no\"}", SocketIOPacket(.connectError, data: ["message": "no"])),
  ]

  @Test(arguments: packets)
  func `have the text of the protocol`(text: String, packet: SocketIOPacket) throws {
    var decoder = SocketIODecoder()
    #expect(try decoder.receive(text) == packet)
    var again = SocketIODecoder()
    #expect(try again.receive(packet.text) == packet)
  }

  @Test func `wait for their attachments`() throws {
    var decoder = SocketIODecoder()
    let event = "52-7[\"a\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]"
    #expect(try decoder.receive(event) == nil)
    #expect(try decoder.receive(binary: [1]) == nil)
    let packet = try decoder.receive(binary: [2])
    #expect(packet?.attachments == [[1], [2]])
    #expect(packet?.id == 7)
    #expect(try decoder.receive("2[\"b\"]") == .event("b"))
  }

  @Test(
    arguments: [
      "", "7", "x[]", "2", "2{}", "2[]", "2[1]", "2[\"a\"", "2[\"a\"]x", "3[]", "31{}", "5[\"a\"]", "5-[\"a\"]",
      "599-[\"a\"]", "1[]", "0[]", "2/admin[\"a\"]", "29999999999999999999[\"a\"]", "2\u{0}[\"a\"]", "２[\"a\"]",
    ])
  func `that are broken are refused`(text: String) {
    var decoder = SocketIODecoder()
    #expect(throws: SocketIOError.self) { try decoder.receive(text) }
  }

  @Test func `must come in their order`() throws {
    var decoder = SocketIODecoder()
    #expect(throws: SocketIOError.self) { try decoder.receive(binary: [1]) }
    #expect(try decoder.receive("51-[\"a\"]") == nil)
    #expect(throws: SocketIOError.self) { try decoder.receive("2[\"a\"]") }
  }
}
