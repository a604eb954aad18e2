"""What an event says is so when it comes."""

import concurrent.futures

from conftest import events_until, make_project, subscribed, wait_until

SLOW_DISK = """
#include <sys/syscall.h>
#include <unistd.h>

int fdatasync(int file) {
    usleep(300000);
    return (int)syscall(SYS_fdatasync, file);
}
"""


def test_what_an_event_says_is_true_when_it_comes(make_daemon, compiled):
    """Whoever reads the event asks at once, while the one who made the change still waits for the disk."""
    daemon = make_daemon(LD_PRELOAD=compiled(SLOW_DISK))
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
