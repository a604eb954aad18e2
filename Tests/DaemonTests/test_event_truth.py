"""What an event says is so when it comes."""

import concurrent.futures

from conftest import events_until, make_project, subscribed


def test_what_an_event_says_is_true_when_it_comes(client, daemon):
    """Whoever reads the event asks at once, while the one who made the change still waits for the disk."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        for number in range(10):
            address = f"/projects/{make_project(client, f'Project {number}')['id']}"
            with subscribed(daemon, f"project:{address.rpartition('/')[2]}", after=0) as socket:
                events_until(socket, "project.created")
                renamed = pool.submit(client.patch, address, json={"name": "New"})
                assert events_until(socket, "project.updated")[-1]["data"] == client.get(address).json()
                assert renamed.result().json()["name"] == "New"
                removed = pool.submit(client.delete, address)
                events_until(socket, "project.deleted")
                assert client.get(address).status_code == 404 and removed.result().status_code == 204
