# Terminals: a shell in a project's work tree, over WebSocket; what is typed and shown is kept as it went over the wire.
# Sourced by scripts/evidence, which defines the words.

# A viewer: lines of its input are sent as text messages, `wait TEXT` waits until the output holds the text, and
# `end` for the end of the connection. All messages go to standard output, `>` sent and `<` received.
viewer_program() {
  cat <<'PYTHON'
import base64, json, os, socket, struct, sys, urllib.parse

address = urllib.parse.urlsplit(sys.argv[1])
connection = socket.create_connection((address.hostname, address.port), timeout=20)
connection.sendall((
    f"GET {address.path}?{address.query} HTTP/1.1\r\nHost: {address.netloc}\r\nUpgrade: websocket\r\n"
    f"Connection: Upgrade\r\nSec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n"
    "Sec-WebSocket-Version: 13\r\n\r\n").encode())
held, output = b"", ""
while b"\r\n\r\n" not in held:
    more = connection.recv(65536)
    if not more:
        sys.exit("the server closed instead of answering")
    held += more
head, _, held = held.partition(b"\r\n\r\n")
print("<", head.split(b"\r\n")[0].decode())
if b" 101 " not in head.split(b"\r\n")[0]:
    sys.exit(1)


def send(text):
    print(">", text)
    payload = text.encode()
    size = struct.pack("!BH", 0x80 | 126, len(payload)) if len(payload) > 125 else bytes([0x80 | len(payload)])
    connection.sendall(b"\x81" + size + b"\0\0\0\0" + payload)


def receive():
    """Takes one message; false at the end of the connection."""
    global held, output
    while True:
        if len(held) >= 2:
            length, begin = held[1], 2
            if length >= 126:
                begin = 4 if length == 126 else 10
                length = int.from_bytes(held[2:begin], "big") if len(held) >= begin else 1 << 62
            if len(held) >= begin + length:
                opcode, payload = held[0] & 15, held[begin:begin + length]
                held = held[begin + length:]
                break
        more = connection.recv(65536)
        if not more:
            return False
        held += more
    if opcode == 8:
        print("< close", int.from_bytes(payload[:2], "big"))
        connection.sendall(b"\x88\x80\0\0\0\0")
        return False
    print("<", payload.decode() if opcode == 1 else f"{len(payload)} bytes: {payload[:60]!r}")
    output += payload.decode(errors="replace")
    return True


for line in sys.stdin:
    word, _, rest = line.rstrip("\n").partition(" ")
    if word == "wait":
        while rest not in output:
            if not receive():
                sys.exit(f"wanted {rest!r} in the output before the end")
        output = output.partition(rest)[2]
    elif word == "end":
        while receive():
            pass
    else:
        send(line.rstrip("\n"))
connection.close()
PYTHON
}

# view NAME WHAT QUERY: runs the viewer with the lines of standard input, and keeps what went over the wire.
view() {
  viewer_program >"$work/viewer.py"
  last=$out/$1.txt
  if python3 "$work/viewer.py" "${base/http:/ws:}/api/terminal/$terminal?$3" >"$last" 2>>"$work/errors"; then
    echo "ok   101 $1"
  else
    fail "$1: $(tail -n 1 "$work/errors")"
  fi
  file "$1.txt" "$2"
}

new_terminal() {
  step 201 "$1" "$2" "$base/api/terminals" -d "$3"
  terminal=$(value 'body["id"]')
}

use_a_shell() {
  new_terminal create-shell "A shell in the work tree." "{\"project_id\":\"$project\",\"cols\":100,\"rows\":30}"
  view ws-shell "Its size, a new one, Ctrl-C by message, a commit; the shell is left running." "" <<'LINES'
wait $
{"type":"input","data":"tty; stty size\r"}
wait 30 100
{"type":"resize","cols":120,"rows":40}
{"type":"input","data":"stty size\r"}
wait 40 120
{"type":"input","data":"sh -c 'printf re%s ady; exec sleep 100'\r"}
wait ready
{"type":"interrupt"}
{"type":"input","data":"printf 'status=%s.\\n' $?\r"}
wait status=130.
{"type":"input","data":"echo 'x = \"€😀\"' >new.py && git add new.py && git commit -qm 'From a terminal' && echo com''mitted\r"}
wait committed
LINES
  shows '"data":".*40 120'
  step 200 commit "The next read sees the commit." "$base/projects/$project/commits?limit=1"
  shows 'From a terminal'
  step 200 running "It lives on without a viewer." "$base/api/terminals/$terminal"
  shows '"state":"running"'
  view ws-again "Another viewer, from the beginning, who ends it." "after=0" <<'LINES'
wait committed
{"type":"input","data":"exit 3\r"}
end
LINES
  shows '"state":"exited".*"exit_code":3'
  step 200 exited "How it ended." "$base/api/terminals/$terminal"
  shows '"exit_code":3'
}

see_faults() {
  new_terminal create-missing "A program that is not there." \
    "{\"project_id\":\"$project\",\"command\":[\"no-such-program\"]}"
  shows '"state":"error".*no such program'
  step 422 bad-size "A size out of bounds." "$base/api/terminals" -d "{\"project_id\":\"$project\",\"cols\":0}"
  step 404 unknown-project "An unknown project." "$base/api/terminals" -d '{"project_id":"nobody"}'
  new_terminal create-cat "A program that says what it reads." "{\"project_id\":\"$project\",\"command\":[\"cat\"]}"
  view ws-bad "Messages that are none, each answered, and the terminal goes on." "" <<'LINES'
{"type":"resize","cols":0,"rows":24}
{"type":"exec"}
not JSON
{"type":"input","data":"still here\r"}
wait still here
wait still here
LINES
  shows '"type":"error","code":"bad_message"'
  step 403 foreign-page "A page of another origin." "$base/api/terminal/$terminal" -H 'Origin: https://evil.example' \
    -H 'Upgrade: websocket' -H 'Connection: Upgrade' -H 'Sec-WebSocket-Version: 13' \
    -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
  step 204 delete "It is ended and removed." -X DELETE "$base/api/terminals/$terminal"
}

lose_and_say() {
  new_terminal create-flood "A flood without a viewer; what is kept is bounded." \
    "{\"project_id\":\"$project\",\"command\":\"head -c 3000000 /dev/zero | tr '\\\\0' x; printf done\"}"
  until curl -sS --noproxy '*' "$base/api/terminals/$terminal" | grep -q '"exited"'; do sleep 0.1; done
  view ws-gap "A late viewer is told how many bytes it lost (binary mode)." "after=0&mode=binary" <<'LINES'
end
LINES
  shows '"type":"gap","lost":'
}

outlive_nothing() {
  new_terminal create-long "A program that ignores signals, with children." \
    "{\"project_id\":\"$project\",\"command\":\"trap '' HUP TERM INT; sleep 987654 & setsid sleep 987654; wait\"}"
  kill_server
  sleep 1
  if pgrep -f 'sleep 98765[4]' >"$out/left.txt"; then fail "processes outlived the daemon"; fi
  file left.txt "Processes of the terminal after the daemon was killed: none."
  start_server
  step 200 after-kill "The next start tells its end." "$base/api/terminals/$terminal"
  shows '"state":"exited"'
}

start_server
step 201 create-project "A project." "$base/projects" -d '{"name":"Terminals"}'
project=$(value 'body["id"]')
use_a_shell
see_faults
lose_and_say
outlive_nothing
