"""One file is written as a commit, if it is still what the writer read."""

import pytest

from conftest import git


def put(client, project, path, content, tag=None, **more):
    headers = {} if tag is None else {"If-Match": tag}
    return client.put(f"/projects/{project['id']}/files/{path}", headers=headers, json={"content": content, **more})


def test_a_file_is_written_with_the_tag_it_was_read_with(client, project):
    read = client.get(f"/projects/{project['id']}/files/main.py")
    answer = put(client, project, "main.py", "x = 1\n", read.headers["etag"], message="Make it short")
    assert answer.status_code == 200
    repository = project["repository_path"]
    assert git(repository, "log", "-1", "--format=%H %an %s").strip() == \
        f"{answer.json()['committed_sha']} Vibegrapher Make it short"
    assert git(repository, "status", "--porcelain") == "" and git(repository, "show", "HEAD:main.py") == "x = 1\n"
    assert client.get(f"/projects/{project['id']}").json()["current_code"] == "x = 1\n"
    assert put(client, project, "main.py", "x = 2\n", read.headers["etag"]).status_code == 412
    assert put(client, project, "main.py", "x = 2\n").status_code == 412


def test_a_new_file_needs_no_tag(client, project):
    assert put(client, project, "deep/er/new.py", "y = 1\n").status_code == 200
    assert client.get(f"/projects/{project['id']}/files/deep/er/new.py").json()["content"] == "y = 1\n"
    assert put(client, project, "other.py", "y = 1\n", '"' + "0" * 40 + '"').status_code == 412


@pytest.mark.parametrize("path", ["..%2Fx", ".git/config", "a%5Cb", "main.py/x", "%00"])
def test_no_path_leaves_the_repository(client, project, path):
    assert put(client, project, path, "x").status_code in (400, 404, 422)
    assert git(project["repository_path"], "rev-list", "--count", "HEAD").strip() == "1"
