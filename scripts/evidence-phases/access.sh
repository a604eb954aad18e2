# Who may use what: from no keys to keys, scopes, owners, tickets, limits, and the table of all routes by all callers.
# Sourced by scripts/evidence, which defines the words.

# A little more than the scenario needs with one key, so that the last steps run into the limit.
settings() { printf 'RATE_LIMIT_KEY_REQUESTS=60\nACCESS_LOG=true\n'; }

# make_key NAME ARGUMENTS...: a key by the command line, in a file of fields for curl, so that it stands in no evidence.
make_key() {
  local key name
  key=$(run_daemon keys create "${@:2}" 2>>"$work/keys.log")
  printf 'X-API-Key: %s\n' "$key" >"$1.field"
}

# hide_keys: takes what was shown once out of the last answer.
hide_keys() { sed -i -E 's/(vg_[A-Za-z0-9_-]{5})[A-Za-z0-9_-]{30,}/\1.../g; s/("ticket":")[^"]*/\1.../' "$last"; }

# await_status STATUS ARGUMENTS...: until a request is answered so.
await_status() {
  local deadline=$((SECONDS + 10))
  until [ "$(curl -q -s -o /dev/null -w '%{http_code}' --noproxy '*' "${@:2}")" = "$1" ]; do
    if [ "$SECONDS" -ge "$deadline" ]; then fail "no $1 for ${*: -1}" && return; fi
    sleep 0.05
  done
}

before_keys() {
  step 201 no-keys-create "Without keys a program of this machine may do everything." "$base/projects" -d '{"name":"Early"}'
  early=$(value 'body["id"]')
  step 403 no-keys-foreign-page "A page of another origin may not." "$base/projects" -H 'Origin: http://evil.example'
  shows origin_not_allowed
  step 403 no-keys-rebound-host "Nor one that reaches us by a name of its own." "$base/projects" -H 'Host: evil.example'
  shows host_not_allowed
}

first_keys() {
  cd "$work"
  make_key ada --owner ada
  make_key reader --owner ada --scopes read
  make_key bob --owner bob
  make_key admin --owner root --scopes admin
  await_status 401 "$base/projects"
  step 401 keys-none "With keys, no request without one." "$base/projects"
  shows '[Ww][Ww][Ww]-[Aa]uthenticate: Bearer'
  step 200 keys-health "But for this one." "$base/health"
  step 401 keys-wrong "A key that is none." "$base/projects" -H 'X-API-Key: vg_wrong'
  step 200 keys-list-admin "The administrator sees what nobody owns." "$base/projects" -H @admin.field
  shows "$early"
  step 404 keys-early-ada "Nobody else does." "$base/projects/$early" -H @ada.field
  make_key adopted --owner ada --adopt
  await_status 200 "$base/projects/$early" -H @ada.field
  step 200 keys-adopted "Until it is given to an owner." "$base/projects/$early" -H @ada.field
}

owners_and_scopes() {
  step 201 owner-create "What Ada makes is Ada's." "$base/projects" -H @ada.field -d '{"name":"Ada"}'
  project=$(value 'body["id"]')
  step 200 owner-read "Her key for reading reads it." "$base/projects/$project" -H @reader.field
  step 403 scope-write "And changes nothing." -X PATCH "$base/projects/$project" -H @reader.field -d '{"name":"No"}'
  shows scope_too_small
  step 404 owner-foreign "For Bob it is not there." "$base/projects/$project" -H @bob.field
  step 404 owner-unknown "As what never was." "$base/projects/none" -H @bob.field
  step 200 owner-list "Nor in his list." "$base/projects" -H @bob.field
  shows '^\[\]'
  step 404 owner-body "Nor by a body that names it." "$base/tests" -H @bob.field \
    -d "{\"project_id\":\"$project\",\"name\":\"t\",\"code\":\"1\"}"
  step 404 owner-topic "Nor as a topic." "$base/api/v1/events?topic=project:$project" -H @bob.field
  step 404 owner-git "Nor for git." "$base/projects/$project/git/info/refs" -H @bob.field
  step 201 owner-session "A session of it is Ada's too." -X POST "$base/projects/$project/sessions" -H @ada.field
  session=$(value 'body["id"]')
  step 404 owner-session-foreign "And not there for Bob." "$base/sessions/$session" -H @bob.field
}

tickets_and_ends() {
  step 201 ticket "A ticket for a page, good once." -X POST "$base/api/v1/tickets" -H @ada.field
  ticket=$(value 'body["ticket"]')
  hide_keys
  curl -q -sS -N --noproxy '*' "$base/api/v1/events?topic=project:$project&after=0&ticket=$ticket" \
    >"$out/ticket-stream.txt" 2>/dev/null &
  follower=$!
  await "$out/ticket-stream.txt" '^retry: ' || true
  file ticket-stream.txt "What it opened: an event stream without a field."
  await_status 401 "$base/projects?ticket=$ticket"
  stop_following
  step 201 key-by-api "An administrator makes a key." "$base/api/v1/keys" -H @admin.field \
    -d '{"owner":"carol","expires":"1h","daily_requests":2}'
  shows '"key":"vg_'
  carol=$(value 'body["id"]')
  printf 'Authorization: Bearer %s\n' "$(value 'body["key"]')" >carol.field
  hide_keys
  step 200 daily-first "It has a share of each day." "$base/projects" -H @carol.field
  step 200 daily-second "Two requests." "$base/projects" -H @carol.field
  step 429 daily-third "Not three." "$base/projects" -H @carol.field
  shows '[Rr]etry-[Aa]fter: '
  step 204 revoke "It is taken back." -X DELETE "$base/api/v1/keys/$carol" -H @admin.field
  step 401 revoked "And good for nothing." "$base/projects" -H @carol.field
  shows key_revoked
  step 200 keys "What administrators see: no key." "$base/api/v1/keys" -H @admin.field
  for _ in $(seq 70); do curl -q -s -o /dev/null --noproxy '*' "$base/projects" -H @bob.field; done
  step 429 rate "A key has a rate." "$base/projects" -H @bob.field
  shows rate_limited
  step 200 metrics "What Prometheus reads." "$base/metrics" -H @admin.field
  shows '^# TYPE vibegrapher_http_requests_total counter'
  step 200 health-detailed "How each part is." "$base/health/detailed" -H @admin.field
}

other_address() {
  local said code=0
  mkdir -p "$work/other"
  said=$(cd "$work/other" && env -i PATH="$PATH" HOST=0.0.0.0 PORT=0 "$daemon" serve 2>&1) || code=$?
  printf '$ HOST=0.0.0.0 vibegrapher serve\n%s\nexit %s\n' "$said" "$code" >"$out/other-address.txt"
  file other-address.txt "Another address than the loopback, without any key."
  if [ "$code" -ne 1 ] || [[ $said != *"keys create"* ]]; then fail "HOST=0.0.0.0 without a key did not stop the start"; fi
}

access_table() {
  (cd "$root" && VIBEGRAPHER="$daemon" ACCESS_TABLE="$out/access-table.md" .venv/bin/python -m pytest -q \
    -p no:cacheprovider Tests/DaemonTests/test_access.py -k every_route) >"$out/access-table.log" 2>&1 ||
    fail "the access table; see access-table.log"
  file access-table.md "Every route that the daemon declares, by every kind of caller: the statuses that came."
}

judge() {
  before_keys
  first_keys
  owners_and_scopes
  tickets_and_ends
  database "$work/vibegrapher.db" 'SELECT id, owner, prefix, scopes, expires_at, revoked_at, hex(hash) FROM access_keys' \
    >"$out/keys.txt"
  file keys.txt "What the database has of the keys."
  if grep -qE 'vg_[A-Za-z0-9_-]{30,}' -r "$out"; then fail "a key stands in the evidence or the log"; fi
  other_address
  access_table
}

settings >"$work/.env"
start_server
judge
