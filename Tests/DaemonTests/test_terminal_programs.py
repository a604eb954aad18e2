"""Real programs on real terminals, over WebSocket, judged by a terminal emulator."""

import base64
import pathlib
import re
import shutil

import pytest

from conftest import git, wait_until
from terminal_client import running, start, viewing

PYTHON = shutil.which("python3", path="/usr/bin")


@pytest.fixture(autouse=True)
def programs():
    """scripts/setup installs them for the tests by clients."""
    missing = [name for name in ("bash", "vi", "less", "top", "git") if not shutil.which(name, path="/usr/bin:/bin")]
    assert not missing, f"these programs are missing: {missing}; scripts/test installs them"


def test_bash_has_job_control(daemon, client, project):
    with running(daemon, client, project) as viewer:
        viewer.see_prompt()
        viewer.type("sh -c 'printf re%s ady; exec sleep 100'\r")
        viewer.see("ready")
        viewer.type("\x1a")
        viewer.see("Stopped")
        assert "sleep" in viewer.run("jobs")
        begun = len(viewer.output)
        viewer.type("fg\r")
        viewer.until(lambda: "exec sleep 100" in viewer.output[begun:], "the job in the foreground")
        # bash says so a moment before it gives the terminal to the job.
        viewer.until(lambda: viewer.type("\x03") or viewer.take(0.2) and "^C" in viewer.output[begun:], "its end")
        assert viewer.run("echo $?") == "130\n"
        assert viewer.run("sleep 100 & kill %1; wait %1; echo $?").endswith("143\n")


@pytest.mark.parametrize("modes", ["", "stty raw -isig -echo; "])
def test_interrupt_reaches_the_foreground_in_any_mode(daemon, client, project, modes):
    with running(daemon, client, project) as viewer:
        viewer.see_prompt()
        viewer.type(f"sh -c '{modes}printf re%s ady; exec sleep 100'\r")
        viewer.see("ready")
        viewer.send(type="interrupt")
        assert viewer.run("echo $?") == "130\n"


def test_the_size_is_told_and_changed(daemon, client, project):
    with running(daemon, client, project, columns=91, rows=31) as viewer:
        assert viewer.run("stty size") == "31 91\n"
        viewer.send(type="resize", cols=100, rows=40)
        viewer.until(lambda: viewer.status["cols"] == 100, "the new size")
        assert viewer.run("stty size; echo $LINES $COLUMNS") == "40 100\n40 100\n"
        script = "trap 'stty size; echo caught' WINCH; printf re%s ady; while :; do sleep 0.05; done"
        viewer.type(f'sh -c "{script}"\r')
        viewer.see("ready")
        viewer.send(type="resize", cols=120, rows=50)
        viewer.until(lambda: re.search(r"50 120\s+caught", viewer.output), "SIGWINCH")
        viewer.send(type="interrupt")
        viewer.see_prompt()


def test_vi_edits_a_file_of_the_work_tree(daemon, client, project):
    with running(daemon, client, project, ["vi", "notes.txt"]) as viewer:
        viewer.see("notes.txt")
        viewer.until(lambda: viewer.lines[1:5] == ["~"] * 4, "an empty file")
        viewer.type("iGrüße, 世界 😀\rsecond line")
        viewer.see("second line")
        assert viewer.lines[0].replace(" ", "") == "Grüße,世界😀"
        viewer.type("\x1bkdd")
        viewer.until(lambda: viewer.lines[0] == "second line", "the first line gone")
        viewer.type("u:wq\r")
        assert viewer.see_end()["exit_code"] == 0
    repository = daemon.repository(project)
    assert (repository / "notes.txt").read_text() == "Grüße, 世界 😀\nsecond line\n"
    assert git(repository, "status", "--short") == "?? notes.txt\n"


def test_less_pages_through_a_long_text(daemon, client, project):
    with running(daemon, client, project, "seq 1000 | less", rows=20) as viewer:
        viewer.until(lambda: viewer.lines[18] == "19" and viewer.lines[19] == ":", "the first page")
        viewer.type(" ")
        viewer.until(lambda: viewer.lines[0] == "20", "the second page")
        viewer.type("G")
        viewer.until(lambda: viewer.lines[18:] == ["1000", "(END)"], "the last page")
        viewer.type("/77$\r")
        viewer.type("gg/^500\r")
        viewer.until(lambda: viewer.lines[0] == "500", "what was searched")
        viewer.type("q")
        assert viewer.see_end()["exit_code"] == 0


def test_top_shows_only_its_own_processes(daemon, client, project):
    with running(daemon, client, project, ["top"], columns=100) as viewer:
        viewer.see("Tasks:")
        viewer.until(lambda: any(re.search(r"^ +\d+ sandbox .* top$", line) for line in viewer.lines), "itself")
        assert not re.search(r"vibegraph|sandbox .* sandbox$", "\n".join(viewer.lines[7:]))
        viewer.type("q")
        assert viewer.see_end()["exit_code"] == 0


def test_python_answers_line_by_line(daemon, client, project):
    with running(daemon, client, project, [PYTHON, "-q"]) as viewer:
        viewer.see(">>>")
        viewer.type("'é' * 3 + '😀'\r")
        viewer.see("'ééé😀'")
        viewer.type("import time; print('re' + 'ady', flush=True); time.sleep(100)\r")
        viewer.see("ready")
        viewer.send(type="interrupt")
        viewer.see("KeyboardInterrupt")
        viewer.type("exit(4)\r")
        assert viewer.see_end()["exit_code"] == 4


PAINTER = r"""
import sys
columns, rows = 60, 20
out = ["\x1b[?1049h\x1b[2J"]
for row in range(rows):
    out.append(f"\x1b[{row + 1};1H")
    for column in range(columns):
        red, green, blue = row * 12, column * 4, 99
        out.append(f"\x1b[38;5;{16 + (row * columns + column) % 216};48;2;{red};{green};{blue}m" + "▀▄"[column % 2])
out.append("\x1b[0m\x1b[10;20HX")
sys.stdout.write("".join(out)); sys.stdout.flush()
input()
"""


@pytest.mark.parametrize("mode", ["text", "binary"])
def test_a_screen_full_of_colour_is_painted_as_meant(daemon, client, project, mode):
    with running(daemon, client, project, [PYTHON, "-c", PAINTER], columns=60, rows=20, mode=mode) as viewer:
        viewer.until(lambda: viewer.screen.display[9][19] == "X", "the whole picture")
        for row in range(20):
            for column in range(60):
                cell = viewer.screen.buffer[row][column]
                if (row, column) != (9, 19):
                    assert cell.data == "▀▄"[column % 2]
                    assert cell.bg == f"{row * 12:02x}{column * 4:02x}63"
        viewer.type("\r")
        assert viewer.see_end()["exit_code"] == 0


TEXT = "a é € 日本 😀 👩‍👩‍👧 \U0001f3f4\U000e0067\U000e0062\U000e007f Ω\n"
DRIP = """
import base64, os, sys, time
for byte in base64.b64decode(sys.argv[1]):
    os.write(1, bytes([byte]))
    time.sleep(0.001)
"""


def drip(client, project, data):
    return start(client, project, [PYTHON, "-c", DRIP, base64.b64encode(data).decode()])


def test_characters_split_at_every_byte_come_whole(daemon, client, project):
    terminal = drip(client, project, TEXT.encode() * 3)
    messages = []
    with viewing(daemon, terminal) as viewer:
        while viewer.closed is None:
            before = len(viewer.output)
            viewer.take()
            messages.append(viewer.output[before:])
    assert viewer.output == TEXT.replace("\n", "\r\n") * 3
    assert len(messages) > 50, "the bytes were to come one by one"
    # From the middle of a character on, as a client that counted bytes may ask.
    for after in range(0, 24):
        with viewing(daemon, terminal, after=after) as viewer:
            viewer.see_end()
        wanted = (TEXT.replace("\n", "\r\n") * 3).encode()[after:].decode(errors="replace")
        assert viewer.output == wanted, after


def test_bytes_that_are_no_text_are_replaced_in_text_and_kept_in_binary(daemon, client, project):
    data = b"\xff\xfe A \xc3( \xe2\x82 \xf0\x9f\x98 \xed\xa0\x80 \x00\x07\x1b[0m end\xe2\x82"
    terminal = drip(client, project, data)
    with viewing(daemon, terminal) as viewer:
        viewer.see_end()
    assert viewer.output == data.decode(errors="replace")
    with viewing(daemon, terminal, mode="binary") as viewer:
        viewer.see_end()
    assert viewer.bytes == data


def test_binary_input_reaches_the_program_as_it_is(daemon, client, project):
    every = bytes(range(256)) * 20
    command = f"stty raw -echo; printf ready; head -c {len(every)} | base64 -w0"
    with running(daemon, client, project, command, mode="binary") as viewer:
        viewer.until(lambda: viewer.bytes == b"ready", "the program")
        for begin in range(0, len(every), 700):
            viewer.socket.send(every[begin : begin + 700])
        viewer.see_end()
    assert base64.b64decode(viewer.bytes.removeprefix(b"ready")) == every


# What holds them

def test_the_environment_is_its_own(make_daemon):
    daemon = make_daemon(OPENAI_API_KEY="sk-terminal-secret", OPENAI_BASE_URL="http://127.0.0.1:9")
    client = daemon.client()
    project = client.post("/projects", json={"name": "x"}).json()
    with running(daemon, client, project, env={"GREETING": "Grüße", "PS1": "mine$ "}) as viewer:
        variables = dict(line.split("=", 1) for line in viewer.run("env").splitlines())
        assert viewer.lines[viewer.screen.cursor.y].startswith("mine$")
        assert viewer.run("ls /proc/self/fd | tr '\\n' ' '") == "0 1 2 3 "
        signals = dict(re.findall(r"(Sig\w+):\s+(\w+)", viewer.run("grep Sig /proc/self/status")))
        assert int(signals["SigBlk"], 16) == int(signals["SigIgn"], 16) == 0
    assert "sk-terminal-secret" not in str(variables)
    wanted = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "COLORTERM": "truecolor", "GREETING": "Grüße", "HOME": "/tmp"}
    assert wanted.items() <= variables.items()
    allowed = {"PATH", "TMPDIR", "LC_ALL", "SHELL", "USER", "LOGNAME", "PS1", "PWD", "SHLVL", "_", "OLDPWD"}
    assert set(variables) - set(wanted) <= allowed


@pytest.mark.parametrize("network, reaches", [("false", False), ("true", True)])
def test_the_network_is_as_the_setting_says(make_daemon, network, reaches):
    daemon = make_daemon(TERMINAL_NETWORK=network)
    client = daemon.client()
    project = client.post("/projects", json={"name": "x"}).json()
    port = daemon.url.rpartition(":")[2]
    with running(daemon, client, project) as viewer:
        said = viewer.run(f"(exec 3<>/dev/tcp/127.0.0.1/{port} && echo reached) 2>&1")
    assert ("reached" in said) == reaches, said


def test_nothing_can_be_typed_into_another_terminal(daemon, client, project):
    attack = """
import fcntl, os, termios
for name in ("/dev/tty", "/dev/pts/0", "/dev/pts/1"):
    try:
        fcntl.ioctl(os.open(name, os.O_RDWR), termios.TIOCSTI, b"x")
        print(name, "ESCAPED")
    except OSError as error:
        print(name, error.errno)
"""
    with running(daemon, client, project) as victim:
        victim.see_prompt()
        with running(daemon, client, project, [PYTHON, "-c", attack]) as viewer:
            viewer.see_end()
        assert viewer.output.replace("\r\n", "\n") == "/dev/tty 1\n/dev/pts/0 1\n/dev/pts/1 2\n"
        assert victim.run("echo unharmed") == "unharmed\n"


def test_only_the_work_tree_and_temporary_folders_are_written(daemon, client, project):
    with running(daemon, client, project) as viewer:
        said = viewer.run("for f in /work/a /tmp/b /dev/shm/c /usr/d /etc/e /f; do echo x 2>/dev/null >$f && echo $f; done")
        assert said.split() == ["/work/a", "/tmp/b", "/dev/shm/c"]
        assert "Operation not permitted" in viewer.run("mkfifo /work/pipe; ls /root 2>/dev/null")
    assert (daemon.repository(project) / "a").read_text() == "x\n"
    wait_until(lambda: not pathlib.Path("/tmp/b").exists(), "nothing in the machine's own /tmp")


def test_links_in_a_repository_do_not_lead_the_daemon_elsewhere(daemon, client, project, tmp_path):
    victim, folder = tmp_path / "victim", tmp_path / "elsewhere"
    victim.write_text("as it was\n")
    folder.mkdir()
    url = f"/projects/{project['id']}/files/agents.py"
    assert client.put(url, json={"content": "x = 1\n"}).status_code == 201
    write = lambda text: client.put(url, json={"content": text}, headers={"If-Match": "*"})
    name = "aa/" + "0" * 38
    with running(daemon, client, project) as viewer:
        viewer.run(f"mkdir -p .git/objects/aa; ln -s {victim} .git/objects/{name}; ln -sf {victim} .git/logs/HEAD")
        viewer.run(f"ln -sf {victim} .git/logs/refs/heads/main; rm -rf .git/objects/bb; ln -s {folder} .git/objects/bb")
        assert client.get(f"/projects/{project['id']}/git/objects/{name}").status_code == 404
        write("x = 2\n")
        assert victim.read_text() == "as it was\n"
        viewer.run("rm .git/logs/HEAD .git/logs/refs/heads/main .git/objects/bb")
        assert write("x = 3\n").status_code == 200
        viewer.run(f"git config core.worktree {folder}")
    daemon.restart()
    client = daemon.client()
    write("x = 4\n")
    assert list(folder.iterdir()) == []
    assert client.get("/projects").status_code == 200
