"""What an event says is so when it comes."""

import concurrent.futures
import os
import shutil
import subprocess

import pytest

from conftest import events_until, make_project, subscribed, wait_until

SLOW_DISK = """
#include <sys/syscall.h>
#include <unistd.h>

int fdatasync(int file) {
    usleep(300000);
    return (int)syscall(SYS_fdatasync, file);
}
"""


@pytest.fixture
def slow_disk(tmp_path):
    """A library that makes every sync take 300 ms, compiled by the Swift toolchain's clang."""
    source, library = tmp_path / "slow_disk.c", tmp_path / "slow_disk.so"
    source.write_text(SLOW_DISK)
    clang = os.path.join(os.path.dirname(os.path.realpath(shutil.which("swift"))), "clang")
    subprocess.run([clang, "-shared", "-fPIC", "-o", library, source], check=True)
    return library


def test_what_an_event_says_is_true_when_it_comes(make_daemon, slow_disk):
    """Whoever reads the event asks at once, while the one who made the change still waits for the disk."""
    daemon = make_daemon(LD_PRELOAD=slow_disk)
    client = daemon.client()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        made = pool.submit(make_project, client)
        project = wait_until(lambda: daemon.rows("SELECT id FROM projects"), "a row of the project")[0]["id"]
        address = f"/projects/{project}"
        with subscribed(daemon, f"project:{project}", after=0) as socket:
            created = events_until(socket, "project.created")[-1]["data"]
            assert client.get(address).json() == created
            assert not made.done() and made.result()["id"] == project
            renamed = pool.submit(client.patch, address, json={"name": "New"})
            assert events_until(socket, "project.updated")[-1]["data"] == client.get(address).json()
            assert not renamed.done() and renamed.result().json()["name"] == "New"
            removed = pool.submit(client.delete, address)
            events_until(socket, "project.deleted")
            assert client.get(address).status_code == 404
            assert not removed.done() and removed.result().status_code == 204
