# Events as they happen: server-sent events, WebSocket and Socket.IO, each cut off and resumed, over a crash and a stop.
# Sourced by scripts/evidence, which defines the words.

polling="socket.io/?EIO=4&transport=polling"

# The number of the last event in a stream.
last_id() { sed -n 's/^id: \([0-9]*\).*/\1/p' "$1" | tail -n 1; }

# handshake NAME WHAT ARGUMENTS...: opens a WebSocket; curl knows nothing to say on it, and is made to let go of it.
handshake() {
  local name
  name_step "$1" -i "${@:3}"
  last=$out/$name.response.txt
  curl -q -sS -i --noproxy '*' --max-time 1 "${@:3}" >"$last" 2>/dev/null || true
  note "[$name]($name.response.txt) ([request]($name.request.txt))" 101 "$2"
  shows '^sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo='
}

stream_and_resume() {
  local seen
  step 201 create-project "A project." "$base/projects" -d '{"name":"Support desk"}'
  project=$(value 'body["id"]')
  events="$base/api/v1/events?topic=project:$project"
  step 201 start-session "A session." -X POST "$base/projects/$project/sessions"
  session=$(value 'body["session_id"]')
  follow live "Its events from the beginning, while two agents work." "$events&after=0"
  step 200 ask "The work." "$base/sessions/$session/messages" -d '{"prompt":"Create a triage agent"}'
  await "$stream" '^event: diff_created'
  seen=$(last_id "$stream")
  stop_following
  kill_server
  start_server
  events="$base/api/v1/events?topic=project:$project"
  follow replayed "After a kill -9, from the beginning: the same events, with the same numbers." "$events&after=0"
  await "$stream" "^id: $seen\$"
  stop_following
  follow resumed "From the number that was seen last: only what is new." "$events" -H "Last-Event-ID: $seen"
  step 200 rename "Something new." -X PATCH "$base/projects/$project" -d '{"name":"Help desk"}'
  await "$stream" '^event: project.updated'
  [ "$(sed -n 's/^id: //p' "$stream" | head -n 1)" -gt "$seen" ] || fail "resumed: an event came twice"
  stop_following
  follow foreign "A number that is not in this log: a snapshot is named." "$events" -H 'Last-Event-ID: 999999999'
  await "$stream" '^event: resync'
  stop_following
  step 422 bad-topic "A topic that is none." "$base/api/v1/events?topic=nonsense"
}

open_web_sockets() {
  local upgrade=(-H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13')
  local key='Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
  handshake websocket "The opening handshake, with the key and the answer of RFC 6455." "$base/ws" "${upgrade[@]}" -H "$key"
  handshake compressed "The same with permessage-deflate, of which each side has a window." "$base/ws" "${upgrade[@]}" \
    -H "$key" -H 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits'
  shows '^sec-websocket-extensions: permessage-deflate; server_max_window_bits=12; client_max_window_bits=12'
  step 426 no-upgrade "A request that asks for none is told what is spoken here." "$base/ws"
  step 400 bad-key "A key that is none." "$base/ws" "${upgrade[@]}" -H 'Sec-WebSocket-Key: short'
}

poll_socket_io() {
  local sid
  step 200 open "A session of Engine.IO by long polling." "$base/$polling"
  sid=$(sed -n 's/.*"sid":"\([^"]*\)".*/\1/p' "$last")
  step 200 connect "The packet that connects." "$base/$polling&sid=$sid" --data-binary 40
  step 200 connected "Its answer." "$base/$polling&sid=$sid"
  shows '40\{"sid":'
  step 200 subscribe "A project is followed from the beginning, with an acknowledgement." "$base/$polling&sid=$sid" \
    --data-binary "421[\"subscribe\",{\"project_id\":\"$project\",\"after\":0}]"
  step 200 subscribed "That it is, and the first events." "$base/$polling&sid=$sid"
  shows '42\["subscribed"'
  step 200 attachment "An event with a binary attachment, and the packet that it belongs to." "$base/$polling&sid=$sid" \
    --data-binary $'451-2["note",{"_placeholder":true,"num":0}]\x1ebAQIDBA=='
  step 400 unknown-session "A session that is not there." "$base/$polling&sid=nobody"
}

start_server
stream_and_resume
open_web_sockets
poll_socket_io
follow until-the-end "A stream that is open when the daemon stops ends whole." "$events&after=0"
stop_server
wait "$follower" || fail "the stream was cut off, wanted its end"
follower=""
