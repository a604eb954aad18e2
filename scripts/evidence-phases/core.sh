# The main job: a project, a change in plain words, two agents, a review, a commit; bad input; a crash.
# Sourced by scripts/evidence, which defines the words.

ask_review_commit() {
  local diff
  step 200 health "The daemon is well." "$base/health"
  step 200 list-projects "\`reset-db\` made the sample project." "$base/projects"
  shows '"slug":"agent-triage-system"'
  step 200 list-tests "Its two test cases, one of them quick." "$base/tests"
  step 201 create-project "A project with a git repository; \`curl -d\` says form, the body is JSON." \
    "$base/projects" -d '{"name":"Support desk"}'
  project=$(value 'body["id"]')
  follow events "What happens in the project, as server-sent events, until the daemon is killed." \
    "$base/api/v1/events?topic=project:$project&after=0"
  events=$stream
  step 201 start-session "A session; no body is needed." -X POST "$base/projects/$project/sessions"
  session=$(value 'body["session_id"]')
  step 200 start-session-again "The same session once more, not another." -X POST "$base/projects/$project/sessions"
  shows "\"session_id\":\"$session\""
  step 200 ask "Two agents work on it; the answer holds the proposed patch." \
    "$base/sessions/$session/messages" -d '{"prompt":"Create a triage agent","message_id":"first"}'
  diff=$(value 'body["diff_id"]')
  shows '\+triage_agent = Agent\('
  step 200 ask-again "The same message_id is not worked on twice: the same diff." \
    "$base/sessions/$session/messages" -d '{"prompt":"Create a triage agent","message_id":"first"}'
  shows "\"diff_id\":\"$diff\""
  step 200 diff "The diff waits for review." "$base/diffs/$diff"
  shows '"status":"evaluator_approved","merge_status":"clean"'
  step 200 pending-diffs "It is the one that waits in this session." "$base/sessions/$session/diffs/pending"
  step 200 preview "The code before and after." "$base/diffs/$diff/preview"
  step 400 commit-too-early "Nothing is committed without a person's approval." -X POST "$base/diffs/$diff/commit"
  step 200 review "A person approves." "$base/diffs/$diff/review" -d '{"approved":true}'
  step 200 commit "The commit." "$base/diffs/$diff/commit" -d '{}'
  shows '"committed_sha":"[0-9a-f]{40}"'
  step 400 commit-twice "One diff, one commit." "$base/diffs/$diff/commit" -d '{}'
  step 200 project "The project's code is the committed code." "$base/projects/$project"
  shows 'triage_agent = Agent\('
  step 200 files "The files at HEAD." "$base/projects/$project/files"
  step 200 file "The text of one." "$base/projects/$project/files/main.py"
  step 200 commits "The history." "$base/projects/$project/commits"
}

ask_more() {
  local diff second
  step 200 question "A question is answered in words, without a diff." \
    "$base/sessions/$session/messages" -d '{"prompt":"Which agents are there?"}'
  shows '"diff_id":null'
  step 200 ask-to-reject "Another change; 'it' is the agent of the conversation." \
    "$base/sessions/$session/messages" -d '{"prompt":"Make it speak Spanish"}'
  diff=$(value 'body["diff_id"]')
  step 200 reject "A person rejects it and says why." \
    "$base/diffs/$diff/review" -d '{"approved":false,"feedback":"French, please"}'
  shows '"human_feedback":"French, please"'
  step 200 ask-first "Two diffs are made on one commit: the first ..." \
    "$base/sessions/$session/messages" -d '{"prompt":"Create a billing agent"}'
  diff=$(value 'body["diff_id"]')
  step 200 ask-second "... and the second." \
    "$base/sessions/$session/messages" -d '{"prompt":"Create a refund agent"}'
  second=$(value 'body["diff_id"]')
  step 200 accept-first "The first is approved and committed in one step." -X POST "$base/diffs/$diff/accept"
  step 409 accept-second "For the second HEAD has moved: 409, and both commits are named." \
    -X POST "$base/diffs/$second/accept"
  shows '"rebase_needed":true'
  step 200 messages "The conversation: each message and step." "$base/sessions/$session/messages"
  step 200 message-in-full "A model's response in full, with usage, trace id and cost." \
    "$base/messages/$(value '[message["id"] for message in body if message["openai_response"]][-1]')/full"
}

# The numbers of the events that arrived whole.
event_numbers() { awk '/^id: / { id = $2 } /^$/ { if (id) print id; id = "" }' "$1"; }

crash() {
  step 202 ask-and-go "With Prefer: respond-async the message is stored, and the answer is 202." \
    -H 'Prefer: respond-async' "$base/sessions/$session/messages" \
    -d '{"prompt":"Create a weather agent","message_id":"interrupted"}'
  await "$events" '^data: .*"message.delta".*"message_id":"interrupted"' || true
  kill_server
  stop_following
  start_server
  step 200 result-after-kill "It was killed with SIGKILL while a model answered, and started again: it went on." \
    "$base/messages/interrupted/result"
  shows '\+weather_agent = Agent\('
  follow events-resumed "The client comes back with the last number that it saw, and misses nothing." \
    -H "Last-Event-ID: $(event_numbers "$events" | tail -n 1)" "$base/api/v1/events?topic=project:$project"
  await "$stream" '^data: .*"message.completed".*"message_id":"interrupted"' || true
  stop_following
  diff -q <(event_numbers "$events" && event_numbers "$stream") \
    <(database "$work/vibegrapher.db" "SELECT seq FROM event_topics WHERE topic = 'project:$project' ORDER BY seq") \
    >/dev/null || fail "the two streams together are not the log: an event is missing or came twice"
}

send_bad_input() {
  local none=00000000-0000-7000-8000-000000000000
  printf '{"name":"%s"}' "$(head -c 10000 /dev/zero | tr '\0' x)" >"$out/long-name.json"
  step 422 bad-json "JSON that breaks off." "$base/projects" -d '{"name":'
  shows '"loc":\["body"'
  step 422 missing-field "The field that is missing is named." "$base/projects" -d '{}'
  shows '"loc":\["body","name"\]'
  step 422 wrong-type "A number for a name." "$base/projects" -d '{"name":7}'
  step 422 empty-name "An empty name." "$base/projects" -d '{"name":""}'
  step 422 long-name "A name of [10,000 characters](long-name.json)." "$base/projects" -d "@$out/long-name.json"
  step 422 no-body "No body at all." -X POST "$base/sessions/$session/messages"
  step 422 bad-verdict "A review that says neither yes nor no." "$base/diffs/$none/review" -d '{"approved":"maybe"}'
  step 422 bad-topic "A topic of no known form." "$base/api/v1/events?topic=everything"
  step 422 path-traversal "No path leaves the repository." --path-as-is \
    "$base/projects/$project/files/..%2f..%2f..%2fetc%2fpasswd"
  step 404 unknown-project "An id that is nobody's." "$base/projects/$none"
  step 404 unknown-session "The same for a session." "$base/sessions/$none/messages" -d '{"prompt":"Hello"}'
  step 404 unknown-diff "The same for a diff." "$base/diffs/$none"
  step 404 unknown-route "A path that is not served." "$base/nothing"
  step 405 wrong-method "405 says which methods there are." -X DELETE "$base/health"
  shows '^[Aa]llow: '
  step 201 other-session "Another session of the project, about a node." \
    "$base/projects/$project/sessions" -d '{"session_type":"node","node_id":"triage_agent"}'
  step 409 taken-message-id "A message_id of another session's message." \
    "$base/sessions/$(value 'body["session_id"]')/messages" -d '{"prompt":"Hello","message_id":"first"}'
  step 403 foreign-page "A web page of another origin." -H 'Origin: http://evil.example' "$base/projects"
  step 403 foreign-host "A name that somebody let point here (DNS rebinding)." -H 'Host: evil.example' "$base/projects"
  step 201 name-of-dots "A name that looks like a path becomes a harmless folder." \
    "$base/projects" -d '{"name":"../../etc"}'
  shows '"slug":"etc"'
  step 201 name-of-emoji "A name without a letter." "$base/projects" -d '{"name":"🚀🚀"}'
}

look_at_what_is_left() {
  local repository=$work/media/projects/support-desk
  database "$work/vibegrapher.db" "SELECT sql || ';' FROM sqlite_schema WHERE sql IS NOT NULL" >"$out/schema.sql"
  file schema.sql "The tables, read while the daemon runs."
  database "$work/vibegrapher.db" >"$out/dump.sql"
  file dump.sql "The tables with all their rows."
  database "$work/vibegrapher.db" "SELECT * FROM projects" >"$out/projects.txt"
  file projects.txt "\`SELECT * FROM projects\`."
  database "${repository}_conversations.db" >"$out/conversations.sql"
  file conversations.sql "What the agents remember, in the layout of the Agents SDK's SQLiteSession."
  ls -la "$work/media/projects" "$repository" >"$out/media.txt"
  file media.txt "The folder of repositories, and one work tree."
  git clone -q "$repository" "$work/clone" && git -C "$work/clone" log -p >"$out/git-log.txt" || fail "git clone"
  grep -q 'Add the triage agent' "$out/git-log.txt" || fail "git log does not show the commit"
  file git-log.txt "\`git log -p\` of an ordinary clone."
  git -C "$repository" fsck --strict >"$out/git-fsck.txt" 2>&1 || fail "git fsck --strict"
  git -C "$repository" status --short --branch >>"$out/git-fsck.txt"
  [ "$(cat "$out/git-fsck.txt")" = "## main" ] || fail "git-fsck.txt shows more than the branch"
  file git-fsck.txt "\`git fsck --strict\` and \`git status\` in the repository: no fault, nothing but the branch."
}

(run_daemon reset-db) >"$out/reset-db.txt" 2>&1 || fail "reset-db exited with $?"
file reset-db.txt "\`reset-db\` drops the database, migrates it, and makes the sample project."
start_server
ask_review_commit
ask_more
crash
send_bad_input
look_at_what_is_left
