"""Requests a second beside nginx, the Swift peers and FastAPI."""
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import subprocess

from benchmarks import servers
from benchmarks.servers import Failure, ask, program
from benchmarks.turns import median, ratio, take_turns

ROUTES = ("/health", "/projects")
PROJECTS, CONNECTIONS = 50, 32


def check_answers(server, answers):
    """The length of each answer of a server, once it is sure that it is the same work as ours."""
    found = {route: ask(server.port, server.prefix + route) for route in server.routes}
    if server.name == "nginx" and found != answers:
        raise Failure("nginx does not answer with the bytes that it was given")
    if json.loads(found["/health"])["status"] != "healthy":
        raise Failure(f"{server.name} is not in good health")
    if "/projects" in found:
        its, ours = (
            [(each["name"], each["current_code"]) for each in json.loads(body["/projects"])]
            for body in (found, answers))
        if len(its) != PROJECTS or its != ours:
            raise Failure(f"{server.name} does not answer with our {PROJECTS} projects")
    return {route: len(body) for route, body in found.items()}


def processor_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(server, route, seconds):
    """Requests a second, and processor seconds of the server for 1000 of them."""
    url = f"http://127.0.0.1:{server.port}{server.prefix}{route}"
    command = [program("wrk", "wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", url]
    before = processor_seconds(server.pid)
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    used = processor_seconds(server.pid) - before
    count = int(re.search(r"(\d+) requests in", output)[1])
    trouble = re.search(r"Non-2xx.*|Socket errors.*", output)
    if trouble or not count:
        raise Failure(f"{server.name}, {route}: {trouble[0] if trouble else 'no request was answered'}")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])
    return {"requests/s": rate, "cpu s/1000 requests": round(used / count * 1000, 4)}


def measure(route, running, lengths, options):
    """A row a server."""
    running = [server for server in running if route in server.routes]
    for server in running:
        load(server, route, 1)  # warms up
    turns = list(take_turns(running, lambda server: load(server, route, options.seconds), options.rounds))
    ours = turns[0][1]
    for server, runs in turns:
        yield {
            "route": route, "server": server.name, "bytes": lengths[server.name][route],
            "requests/s": median(runs, "requests/s"), "ours/it": ratio(ours, runs, "requests/s"),
            "cpu s/1000 requests": median(runs, "cpu s/1000 requests", 4), "rounds": list(runs),
        }


def bench(options, folder):
    with contextlib.ExitStack() as stack:
        def start(name, make, *arguments):
            return [] if name in options.without else [stack.enter_context(make(*arguments, folder(name)))]

        ours, = start("ours", servers.daemon, options.binary)
        for number in range(PROJECTS):
            ask(ours.port, "/projects", json.dumps({"name": f"Bench project {number}"}))
        answers = {route: ask(ours.port, route) for route in ROUTES}
        running = [
            ours, *start("nginx", servers.nginx, answers), *start("nio", servers.nio),
            *start("hummingbird", servers.hummingbird), *start("fastapi", servers.fastapi, answers["/projects"])]
        # The same process again, by routes that are `def` and run in FastAPI's pool of threads.
        running += [
            dataclasses.replace(server, name="fastapi def", prefix="/threads")
            for server in running if server.name == "fastapi"]
        lengths = {server.name: check_answers(server, answers) for server in running}
        return [row for route in ROUTES for row in measure(route, running, lengths, options)]
