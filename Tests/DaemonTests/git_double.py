"""GitHub as far as the daemon uses it: its REST calls and git smart HTTP, by git's own http-backend, on loopback.

`http://.../WAY/OWNER/NAME.git` serves the repository OWNER/NAME in a way that goes wrong, and `/git/OWNER/NAME.git` as it
should be.
"""

import base64
import json
import os
import pathlib
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = "ghp_made_up_for_these_tests"  # gitleaks:allow
WAYS = ("git", "redirect", "loop", "slow", "cut", "corrupt", "private", "moved", "endless", "nonsense")


def run(*command, cwd=None, stdin=None):
    identity = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
                for what, value in (("NAME", "Ada"), ("EMAIL", "ada@example.org"), ("DATE", "1700000000 +0000"))}
    done = subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, timeout=120, check=False,
                          env={**os.environ, **identity, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"})
    assert done.returncode == 0, f"{command}: {done.stderr.decode()}"
    return done.stdout.decode().strip()


class Forge:
    """The server; `with Forge(folder) as forge`."""

    def __init__(self, folder):
        self.root = pathlib.Path(folder) / "forge"
        self.root.mkdir()
        self.login, self.organisations = "ada", {"lovelace"}
        self.calls, self.asked = [], []
        self.release = threading.Event()
        self.push_fails = False
        forge = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                forge.answer(self, self.body())

            do_POST = do_GET

            def body(self):
                if self.headers.get("transfer-encoding") == "chunked":
                    parts = []
                    while size := int(self.rfile.readline(), 16):
                        parts.append(self.rfile.read(size))
                        self.rfile.readline()
                    self.rfile.readline()
                    return b"".join(parts)
                return self.rfile.read(int(self.headers.get("content-length") or 0))

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        self.url = f"http://{self.host}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.release.set()
        self.server.shutdown()
        self.server.server_close()

    # Repositories.

    def path(self, name):
        return self.root / f"{name}.git"

    def repository(self, name, files=None, branch="main"):
        """A bare repository with a commit for each dictionary of files."""
        path = self.path(name)
        run("git", "init", "-q", "--bare", f"--initial-branch={branch}", str(path))
        run("git", "config", "http.receivepack", "true", cwd=path)
        parent = None
        for content in [files] if isinstance(files, dict) else files or []:
            lines = []
            for name_, text in sorted(content.items()):
                data = text if isinstance(text, bytes) else text.encode()
                lines.append((name_, run("git", "hash-object", "-w", "--stdin", cwd=path, stdin=data)))
            index = {**os.environ, "GIT_INDEX_FILE": str(path / "made-index"), "GIT_DIR": str(path)}
            listing = "".join(f"100644 {sha}\t{name_}\n" for name_, sha in lines)
            subprocess.run(["git", "update-index", "--add", "--index-info"], env=index, input=listing.encode(), check=True)
            tree = subprocess.run(["git", "write-tree"], env=index, capture_output=True, check=True).stdout.decode().strip()
            (path / "made-index").unlink()
            parent = self.commit(path, tree, parent, branch)
        return path

    @staticmethod
    def commit(path, tree, parent=None, branch="main"):
        parents = ["-p", parent] if parent else []
        sha = run("git", "commit-tree", tree, *parents, "-m", "Made", cwd=path)
        run("git", "update-ref", f"refs/heads/{branch}", sha, cwd=path)
        return sha

    def raw_tree(self, name, entries):
        """A repository whose tree has these entries (mode, name, content), unchecked; content may be a tree's name."""
        path = self.repository(name)
        self.commit(path, self.tree(path, entries))
        return path

    @staticmethod
    def tree(path, entries):
        data = b""
        for mode, name, content in entries:
            sha = content if isinstance(content, str) else run(
                "git", "hash-object", "-w", "--stdin", cwd=path, stdin=content)
            data += mode.encode() + b" " + name.encode() + b"\0" + bytes.fromhex(sha)
        return run("git", "hash-object", "-t", "tree", "--literally", "-w", "--stdin", cwd=path, stdin=data)

    # Answers.

    def answer(self, handler, body):
        path, _, query = handler.path.partition("?")
        self.asked.append((handler.command, handler.path, handler.headers.get("authorization")))
        way, _, rest = path.lstrip("/").partition("/")
        if way not in WAYS:
            return self.rest(handler, path, body)
        is_pack = rest.endswith("/git-upload-pack")
        if way == "redirect":
            return self.reply(handler, 302, b"", location=f"{self.url}/git/{rest}?{query}")
        if way == "loop":
            return self.reply(handler, 301, b"", location=handler.path)
        if way == "moved":
            return self.reply(handler, 302, b"", location=f"http://localhost.invalid/{rest}?{query}")
        if way == "private":
            return self.reply(handler, 401, b"", www_authenticate='Basic realm="x"')
        if way == "nonsense":
            return self.reply(handler, 200, b"\x00\xff nonsense" * 1000,
                              content_type="application/x-git-upload-pack-advertisement")
        if rest.endswith("git-receive-pack") or "git-receive-pack" in query:
            sent = handler.headers.get("authorization", "").removeprefix("Basic ")
            if base64.b64decode(sent).decode() != f"x-access-token:{TOKEN}":
                return self.reply(handler, 401, b"", www_authenticate='Basic realm="x"')
            if self.push_fails:
                return self.reply(handler, 503, b"")
        status, fields, data = self.backend(handler, rest, query, body)
        if is_pack and b"PACK" in data and way in ("cut", "corrupt", "slow", "endless"):
            return self.spoilt(handler, way, fields, data)
        return self.reply(handler, status, data, **fields)

    def spoilt(self, handler, way, fields, data):
        handler.send_response(200)
        handler.send_header("content-type", fields["content_type"])
        if way == "corrupt":
            # A bit of the packed objects, which begin behind "PACK", a version and a number.
            at = data.index(b"PACK") + 40
            data = data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1:]
            handler.send_header("content-length", str(len(data)))
            handler.end_headers()
            handler.wfile.write(data)
            return
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        handler.close_connection = True
        try:
            if way == "endless":
                # Progress without end: words are no pack, and fill nothing.
                word = b"\x02" + b"working\r" * 100
                packet = b"%04x%s" % (len(word) + 4, word)
                data = data[:data.index(b"PACK") - 5]
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                while not self.release.wait(0.002):
                    handler.wfile.write(b"%x\r\n%s\r\n" % (len(packet), packet))
                return
            half = data[:len(data) // 2]
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(half), half))
            handler.wfile.flush()
            if way == "slow":
                self.release.wait(60)
        except OSError:
            pass  # the daemon has hung up

    def backend(self, handler, rest, query, body):
        environment = {
            "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(self.root), "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": f"/{rest}", "QUERY_STRING": query, "REQUEST_METHOD": handler.command, "REMOTE_USER": "x",
            "REMOTE_ADDR": "127.0.0.1", "CONTENT_TYPE": handler.headers.get("content-type", ""),
            "HTTP_CONTENT_ENCODING": handler.headers.get("content-encoding", ""),
            "GIT_PROTOCOL": handler.headers.get("git-protocol", ""), "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
        }
        done = subprocess.run(["git", "http-backend"], env=environment, input=body, capture_output=True, timeout=120)
        head, _, data = done.stdout.partition(b"\r\n\r\n")
        fields, status = {}, 200
        for line in head.decode().split("\r\n"):
            name, _, value = line.partition(": ")
            if name == "Status":
                status = int(value.split()[0])
            elif name:
                fields[name.lower().replace("-", "_")] = value
        return status, fields, data

    def rest(self, handler, path, body):
        self.calls.append((handler.command, path, json.loads(body) if body else None))
        if handler.headers.get("authorization") != f"Bearer {TOKEN}":
            return self.say(handler, 401, message="Bad credentials")
        if (handler.command, path) == ("GET", "/user"):
            return self.say(handler, 200, login=self.login)
        owner = self.login if path == "/user/repos" else path.split("/")[2]
        if handler.command != "POST" or (path != "/user/repos" and owner not in self.organisations):
            return self.say(handler, 404, message="Not Found")
        wanted = json.loads(body)
        name = f"{owner}/{wanted['name']}"
        if self.path(name).exists():
            return self.say(handler, 422, message="Repository creation failed.", errors=[
                {"resource": "Repository", "code": "custom", "field": "name",
                 "message": "name already exists on this account"}])
        self.repository(name)
        return self.say(handler, 201, full_name=name, name=wanted["name"], private=wanted["private"],
                        clone_url=self.clone_url(name), default_branch="main")

    def clone_url(self, name):
        return f"{self.url}/git/{name}.git"

    def say(self, handler, status, **body):
        self.reply(handler, status, json.dumps(body).encode(), content_type="application/json; charset=utf-8")

    @staticmethod
    def reply(handler, status, data, **fields):
        handler.send_response(status)
        for name, value in {**fields, "content-length": str(len(data))}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(data)
