# Tests in the sandbox: what they say, what happens to those that would do harm, and what is left of them.
# Sourced by scripts/evidence, which defines the words.

# Short for what never ends, and long for what only takes its time on a busy machine.
settings() {
  printf 'TEST_TIMEOUT=20\nQUICK_TEST_TIMEOUT=2\n'
  # The programs of the attack table are for Debian's own.
  [ ! -x /usr/bin/python3 ] || echo PYTHON=/usr/bin/python3
}

# What the machine has mounted, the control groups of the daemon, and the processes below it.
look_at_machine() {
  {
    echo "# mounts" && cat "/proc/$server/mounts"
    echo "# control groups of the daemon" && find /sys/fs/cgroup -name "sandbox-$server-*" 2>/dev/null || true
    echo "# processes of the daemon"
    python3 - "$server" <<'PYTHON'
import pathlib, re, sys
below = {int(sys.argv[1])}
stats = []
for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
    try: stats.append(re.match(r"(\d+) \((.*)\) (\S) (\d+)", path.read_text(errors="replace"), re.S).groups())
    except OSError: pass
for pid, name, state, parent in sorted(stats, key=lambda stat: int(stat[0])):
    if int(parent) in below or int(pid) in below:
        below.add(int(pid))
        print("daemon" if pid == sys.argv[1] else "child", name)
PYTHON
  } >"$out/$1"
}

# make_test NAME WHAT BODY: a test; `test` is its id.
make_test() {
  step 201 "$1" "$2" "$base/projects/$project/tests" -d "$3"
  test=$(value 'body["id"]')
}

# run_test NAME WHAT PATTERN: runs `test`; the result shows the pattern.
run_test() {
  step 200 "$1" "$2" -X POST "$base/tests/$test/run"
  shows "$3"
}

judge() {
  step 200 health-detailed "What holds the tests on this machine, and what it lacks." "$base/health/detailed"
  shows '"sufficient":true'
  is_hidden=$(value '{"private-root", "pid-namespace"} <= set(body["sandbox"]["features"])')
  step 201 create-project "A project." "$base/projects" -d '{"name":"Calculator"}'
  project=$(value 'body["id"]')
  follow events "The project's events: each test begins, prints and ends." \
    "$base/api/v1/events?topic=project:$project&after=0"
  events=$stream
  step 201 write-entry-file "Its entry file." -X PUT "$base/projects/$project/files/agents.py" \
    -d '{"content":"def add(x, y):\n    return x + y\n"}'
  make_test make-passing "A test of it, which sees its names." \
    '{"name":"Adds","code":"assert add(2, 3) == 5\nprint(\"well added\")","quick_test":true}'
  run_test run-passing "It passes; time, memory and bounds are told." '"status":"passed","output":"well added\\n"'
  make_test make-failing "A test that is wrong." '{"name":"Adds wrongly","code":"assert add(2, 2) == 5, \"no\""}'
  run_test run-failing "It fails; the traceback shows its line." '"status":"failed".*assert add.*AssertionError: no'
  make_test make-command "A program instead of Python." '{"name":"Lists","command":"ls -la; exit 3"}'
  run_test run-command "It fails by its exit status." '"exit_code":3'
  make_test make-talkative "A test that takes its time." \
    '{"name":"Counts","code":"import time\nfor n in range(4):\n    print(n)\n    time.sleep(0.2)"}'
  run_test run-talkative "What it prints is sent as it comes." '"output":"0\\n1\\n2\\n3\\n"'
  await "$events" '^data: .*"text":"0\\n"' && await "$events" '^data: .*"text":"3\\n"' || true
}

do_harm() {
  make_test make-endless "A loop without end." \
    '{"name":"Endless loop","code":"while True:\n    pass","quick_test":true}'
  run_test run-endless "It is ended at its limit of time." '"status":"timeout".*"limit":"wall"'
  make_test make-memory "A list of eight gigabytes." '{"name":"Memory","code":"x = [0] * 10**9"}'
  run_test run-memory "It runs into its limit of memory." '"status":"error".*"limit":"memory"'
  make_test make-remove "A test that removes everything." \
    '{"name":"Remove everything","code":"import os\nprint(os.system(\"rm -rf /\"))"}'
  # Not where it could cost the machine: the host must be out of sight.
  if [ "$is_hidden" = True ]; then
    run_test run-remove "It removes nothing, and is told why." "dangerous to operate recursively|Read-only|denied"
    local remove="timeout -s KILL 1 rm -rf --no-preserve-root / 2>&1 | tail -n 2; ls /usr/bin | wc -l"
    make_test make-remove-really "The same, without the program's own second thoughts." \
      "{\"name\":\"Really\",\"command\":\"test ! -e $work || exit 9; $remove\"}"
    run_test run-remove-really "The system's folders cannot be written." "Read-only file system"
  fi
  make_test make-flood "A test that prints for ever." '{"name":"Flood","command":"yes"}'
  run_test run-flood "It is ended, and its output is cut: this file, too." '"limit":"output".*"output_truncated":true'
  shorten "$last"
  step 200 run-quick "The quick tests, several at once, and how many did what." \
    "$base/projects/$project/tests/run" -d '{"quick_only":true}'
  shows '"passed":1,"failed":1,"error":0,"timeout":1'
}

# shorten FILE: keeps the beginning of lines that a flood has made long.
shorten() { cut -c1-1000 "$1" >"$work/short" && mv "$work/short" "$1"; }

test_a_proposal() {
  local session diff
  step 201 start-session "A session, to have something proposed." -X POST "$base/projects/$project/sessions"
  session=$(value 'body["session_id"]')
  step 200 ask "A proposal, which is not committed." \
    "$base/sessions/$session/messages" -d '{"prompt":"Create a triage agent"}'
  diff=$(value 'body["diff_id"]')
  make_test make-triage "A test of what is proposed." \
    '{"name":"Triage","code":"assert triage_agent.name","quick_test":true}'
  run_test run-triage "Against the branch it fails." '"status":"failed".*NameError'
  step 200 test-diff "The quick tests against what is proposed pass." "$base/diffs/$diff/test" -d '{"quick_only":true}'
  shows '"passed":2,"failed":0,"error":0,"timeout":0'
  step 200 diff "The diff keeps the results, and the tree that they are about." "$base/diffs/$diff"
  shows '"tested_tree":"[0-9a-f]{40}"'
  step 200 results "The runs of the test, newest first." "$base/tests/$test/results"
}

refuse_nonsense() {
  local none=00000000-0000-7000-8000-000000000000
  step 422 neither "A test has code or a command." "$base/projects/$project/tests" -d '{"name":"Nothing"}'
  step 422 both "And not both." "$base/projects/$project/tests" -d '{"name":"Both","code":"pass","command":"true"}'
  step 404 unknown-test "An id that is nobody's." -X POST "$base/tests/$none/run"
}

# All programs of the attack table, eight at once, each with real things of this machine to attack.
attack() {
  python3 - "$root/Tests/SandboxTests/Attacks" "$base" "$server" "$work/vibegrapher.db" >"$out/attacks.md" <<'PYTHON'
import concurrent.futures, json, sys, urllib.request
sys.dont_write_bytecode = True
folder, base, daemon, database = sys.argv[1:]
sys.path.insert(0, folder)
import table

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def post(path, body):
    request = urllib.request.Request(base + path, json.dumps(body).encode(), method="POST")
    with opener.open(request, timeout=60) as answer:
        return json.load(answer)


project = post("/projects", {"name": "Attacks"})["id"]


def ask(name, code, is_quick):
    test = post(f"/projects/{project}/tests", {"name": name, "code": code, "quick_test": is_quick})
    return post(f"/tests/{test['id']}/run", {})


def run(attack):
    host = table.Host(int(daemon), database)
    try:
        return table.run(attack, host, lambda code, is_quick: ask(attack.name, code, is_quick))
    finally:
        host.close()


attacks = sorted(table.attacks(), key=lambda attack: not attack.is_quick)
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    # Those that burn the processor go first, and alone.
    quick = [attack for attack in attacks if attack.is_quick]
    outcomes = [*pool.map(run, quick), *pool.map(run, attacks[len(quick):])]
faults = sum(bool(found) for _, found in outcomes)
print(f"# {len(attacks)} attacks, {len(attacks) - faults} contained\n")
print("| | attack | tries | verdict | ms | contained | it said |\n|---|---|---|---|---|---|---|")
for attack, (result, found) in sorted(zip(attacks, outcomes), key=lambda pair: pair[0].number):
    said = "".join((result["output"] or "").splitlines()[:1])[:100].replace("|", "/")
    said = "".join(letter if letter.isprintable() else "." for letter in said)
    print(f"| {attack.number} | {attack.name} | {attack.header['what']} | {table.verdict(result)} "
          f"| {result['execution_time_ms']} | {'NO: ' + '; '.join(found) if found else 'yes'} | {said} |")
sys.exit(bool(faults))
PYTHON
}

settings >"$work/.env"
start_server
judge
# What is kept for good, as the Python that checks proposals, is there before the first look.
test_a_proposal
look_at_machine machine-before.txt
file machine-before.txt "What is mounted, and the daemon's groups and processes, before the harm."
do_harm
refuse_nonsense
stop_following
shorten "$events"
attack || fail "attacks were not contained; see attacks.md"
file attacks.md "The attack table through the daemon: each program, the verdict, and a look from outside."
look_at_machine machine-after.txt
file machine-after.txt "The same afterwards: nothing is left."
cmp -s "$out/machine-before.txt" "$out/machine-after.txt" || fail "machine-after.txt differs from machine-before.txt"
step 200 health-afterwards "The daemon is still well." "$base/health"
verdicts="SELECT status, limit_hit, count(*) FROM test_results GROUP BY status, limit_hit"
database "$work/vibegrapher.db" "$verdicts" >"$out/verdicts.txt"
file verdicts.txt "The stored verdicts, counted by status and limit."
