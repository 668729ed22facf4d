"""The machines themselves: what they reach, both kinds of cut, and that nothing of them stays."""

import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.machines.conftest import ask_why_not
from tests.machines.machine import MODEL, REDIS, Machine, open_machines
from tests.machines.network import Network

# Sends a byte over one connection for each line that it reads, and says what became of it.
TALKER = """
import socket, sys
connection = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=30)
print("connected", flush=True)
for line in sys.stdin:
    connection.settimeout(float(line))
    try:
        connection.sendall(b"x")
        print("answered" if connection.recv(1) else "closed", flush=True)
    except OSError as error:
        print(type(error).__name__, flush=True)
"""
CONNECTOR = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=float(sys.argv[3]))
    print("connected")
except OSError as error:
    print(type(error).__name__)
"""


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while heard := self.request.recv(1):
            self.request.sendall(heard)


@pytest.fixture
def echo_url() -> Iterator[str]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def machines(network: Network, echo_url: str, tmp_path: Path) -> Iterator[list[Machine]]:
    env = {"REDIS_URL": echo_url, "DOCENT_MODEL_API_BASE": echo_url}
    with open_machines(network, network.namespaces, env, tmp_path) as machines:
        yield machines


def start(machine: Machine, script: str, service: str, *arguments: str) -> "subprocess.Popen[str]":
    cable, port = machine.namespace.cables[service], machine.proxies[service].port
    enter = ["ip", "netns", "exec", machine.namespace.name]
    command = [*enter, sys.executable, "-c", script, cable.host_address, str(port), *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def connect(machine: Machine, service: str, *, seconds: float = 60) -> str:
    with start(machine, CONNECTOR, service, str(seconds)) as process:
        return process.communicate()[0].strip()


class Talk:
    """One connection of a machine to a service."""

    def __init__(self, machine: Machine, service: str) -> None:
        self._process = start(machine, TALKER, service)
        assert self._hear() == "connected"

    def say(self, *, seconds: float = 60) -> str:
        assert self._process.stdin
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()
        return self._hear()

    def close(self) -> None:
        self._process.communicate()

    def _hear(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()


def test_a_service_that_refuses_one_machine_goes_on_for_the_others(machines: list[Machine]) -> None:
    one, other, *_ = machines
    talk = Talk(one, REDIS)
    assert talk.say() == "answered"
    one.refuse(REDIS)
    assert talk.say() in {"closed", "ConnectionResetError", "BrokenPipeError"}
    assert connect(one, REDIS) == "ConnectionRefusedError"
    assert connect(one, MODEL) == connect(other, REDIS) == "connected"
    one.accept(REDIS)
    assert connect(one, REDIS) == "connected"
    talk.close()


def test_packets_that_are_dropped_are_told_to_nobody_and_come_later(machines: list[Machine]) -> None:
    one, other, *_ = machines
    talk = Talk(one, REDIS)
    one.namespace.silence(REDIS)
    assert talk.say(seconds=0.5) == "TimeoutError"  # neither closed nor refused
    assert connect(one, REDIS, seconds=0.5) == "TimeoutError"
    assert connect(one, MODEL) == connect(other, REDIS) == "connected"
    one.namespace.hear(REDIS)
    assert talk.say() == "answered"
    assert connect(one, REDIS) == "connected"
    talk.close()


def test_two_runs_side_by_side_do_not_meet_and_nothing_stays(network: Network) -> None:
    before = describe_network()
    with Network() as second:
        namespace = second.add(["redis"])
        assert second.number != network.number
        assert describe_network() != before
        command = ["ip", "netns", "exec", namespace.name, "sh", "-c", "echo runs; exec sleep 600"]
        sleeper = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert sleeper.stdout
        assert sleeper.stdout.readline() == "runs\n"
    assert not psutil.pid_exists(sleeper.pid)
    sleeper.communicate()
    assert describe_network() == before


def test_what_a_killed_run_left_is_removed_by_the_next() -> None:
    if reason := ask_why_not():
        pytest.skip(reason)
    before = describe_network()
    with Network() as first:
        number = first.number
        first.add(["redis"])
        first._stack.pop_all().pop_all()  # nothing is removed, and
        first.lock.close()  # its lock ends with it
    with Network() as second:
        assert second.number == number
        assert describe_network() == before
    assert describe_network() == before


def describe_network() -> str:
    """Namespaces, addresses, routes and neighbours, as ip lists them."""
    commands = (["netns", "list"], ["-brief", "address"], ["route"], ["neighbour", "show", "nud", "permanent"])
    listed = [subprocess.run(["ip", *one], capture_output=True, text=True, check=True) for one in commands]
    return "".join(each.stdout for each in listed)
