"""Patches and proposals for tests of diffs, and what git says of them."""

import difflib
import pathlib
import subprocess

from conftest import git

NUMBERS = [f"number_{index} = {index}" for index in range(60)]


def text(lines):
    return "".join(line + "\n" for line in lines)


def patch(path, old, new):
    """A unified diff between two texts; None for a file that does not exist."""
    lines = difflib.unified_diff(
        (old or "").splitlines(True), (new or "").splitlines(True),
        "/dev/null" if old is None else f"a/{path}", "/dev/null" if new is None else f"b/{path}")
    return "".join(lines)


def edited(lines, **changes):
    """Lines with some replaced, by their number: `edited(NUMBERS, n3="x = 1")`."""
    return [changes.get(f"n{index}", line) for index, line in enumerate(lines)]


def propose(client, project, change, **body):
    answer = client.post(f"/projects/{project['id']}/diffs", json={"patch": change, **body})
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/diffs/{answer.json()['id']}"
    return answer.json()


def write(project, path, content):
    """A commit of one file through git, as another tool makes it."""
    folder = pathlib.Path(project["repository_path"])
    target = folder / path
    if content is None:
        git(folder, "rm", "-q", path)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
        git(folder, "add", path)
    git(folder, "commit", "-q", "-m", f"Change {path}")
    return git(folder, "rev-parse", "HEAD").strip()


def merged(repository, diff):
    """What git says of a diff and the head: (status, merged tree or None, conflicting paths)."""
    theirs = git(repository, "commit-tree", "-p", diff["base_commit"], "-m", "x", diff["proposal_tree"]).strip()
    done = subprocess.run(
        ["git", "-c", "safe.directory=*", "-C", repository, "merge-tree", "--write-tree", "--name-only", "-z",
         "--no-messages", "HEAD", theirs], capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 1), done.stderr
    tree, *paths = [part for part in done.stdout.split("\0") if part]
    if done.returncode == 1:
        return "conflicting", None, sorted(set(paths))
    is_applied = tree == git(repository, "rev-parse", "HEAD^{tree}").strip()
    return ("applied" if is_applied else "clean"), tree, []
