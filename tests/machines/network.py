"""Network namespaces, each joined to this machine by a cable of its own, over which a few services are reached.

Promises that two runs side by side take different addresses and names, that nothing is left when a network closes,
and that what a killed run left is removed by the next one with its number. Needs root, ``ip``, and a kernel that
lets namespaces be made: :func:`why_not` says what is missing.
"""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from tests.proxy import Proxy

SUBNET = "198.18"  # set aside for tests of networks (RFC 2544), so that nobody has it
N_NUMBERS = 256
ADDRESSES_PER_MACHINE = 60
SHARED = "shared"  # the cable of every machine to one address of ours that all of them know by the same name
SHARED_ADDRESS = 2  # the last byte of it
NOBODY = "02:dc:00:00:00:ff"  # a hardware address at which a packet is dropped by whoever receives it
KILL_SECONDS = 30
INSTALL_IP = "install iproute2 (Debian: apt-get install iproute2)"


def why_not() -> str:
    """Says why there can be no machines here, and what to do; empty where there can."""
    if not shutil.which("ip"):
        return f"network namespaces need the command ip: {INSTALL_IP}"
    if os.geteuid():
        return "network namespaces need root, in a container with CAP_NET_ADMIN and CAP_SYS_ADMIN"
    name = f"docent-probe-{os.getpid()}"
    try:
        _run("ip", "netns", "add", name)
        _run("ip", "-netns", name, "link", "add", "one", "type", "veth", "peer", "name", "other")
    except RuntimeError as error:
        return f"network namespaces are not permitted here ({error}): grant CAP_NET_ADMIN and CAP_SYS_ADMIN"
    finally:
        subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)
    return ""


@dataclass(frozen=True)
class Cable:
    """How a machine reaches one service: by an address of ours that only it uses, from one of its own."""

    service: str
    host_address: str
    machine_address: str


class Namespace:
    """One machine's network. Services are named when it is made, because each has addresses of its own."""

    def __init__(self, number: int, n: int, services: Sequence[str]) -> None:
        self.name = f"docent-{number}-{n}"
        self.device = f"docent{number}x{n}"
        self._macs = (f"02:dc:{number:02x}:{n:02x}:00:01", f"02:dc:{number:02x}:{n:02x}:00:02")
        self._shared = f"{SUBNET}.{number}.{SHARED_ADDRESS}"
        first = n * ADDRESSES_PER_MACHINE
        self.cables = {
            service: Cable(service, f"{SUBNET}.{number}.{first + 2 * i}", f"{SUBNET}.{number}.{first + 2 * i + 1}")
            for i, service in enumerate((SHARED, *services))
        }

    def make(self) -> None:
        """Makes the namespace, and the cable to it."""
        ours, theirs = self._macs
        _run("ip", "netns", "add", self.name)
        _run(
            *("ip", "link", "add", self.device, "address", ours, "type", "veth"),
            *("peer", "name", "eth0", "address", theirs, "netns", self.name),
        )
        self._inside("link", "set", "lo", "up")
        for cable in self.cables.values():
            _run("ip", "address", "add", f"{cable.host_address}/31", "dev", self.device)
            self._inside("address", "add", f"{cable.machine_address}/31", "dev", "eth0")
        _run("ip", "link", "set", self.device, "up")
        self._inside("link", "set", "eth0", "up")
        for service in self.cables:
            self.hear(service)
        self._inside("route", "add", f"{self._shared}/32", "via", self.cables[SHARED].host_address)

    def silence(self, service: str) -> None:
        """Drops every packet between the machine and a service, as a cable that is pulled does: nobody is told."""
        self._send(service, NOBODY, NOBODY)

    def hear(self, service: str) -> None:
        """Lets packets pass again."""
        self._send(service, *self._macs)

    def kill_all(self) -> None:
        """Kills every process in the namespace, with SIGKILL."""
        _kill_inside(Path("/run/netns", self.name).stat().st_ino)

    def remove(self) -> None:
        """Removes namespace and cable, and kills what runs there; does nothing where there are none.

        The name goes first: then nobody enters any more.
        """
        with suppress(FileNotFoundError):
            inode = Path("/run/netns", self.name).stat().st_ino
            _run("ip", "netns", "delete", self.name)
            _kill_inside(inode)
        subprocess.run(["ip", "link", "delete", self.device], capture_output=True, check=False)

    def _send(self, service: str, ours: str, theirs: str) -> None:
        cable = self.cables[service]
        to_machine = ("neighbour", "replace", cable.machine_address, "lladdr", theirs, "nud", "permanent")
        to_us = ("neighbour", "replace", cable.host_address, "lladdr", ours, "nud", "permanent")
        _run("ip", *to_machine, "dev", self.device)
        self._inside(*to_us, "dev", "eth0")

    def _inside(self, *arguments: str) -> None:
        _run("ip", "-netns", self.name, *arguments)


class Network:
    """The namespaces of a run, its number, and the proxies through which they reach what listens on loopback."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.namespaces: list[Namespace] = []

    def __enter__(self) -> "Network":
        self.number, self.lock = _take_number()
        self._stack.callback(self.lock.close)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def shared_address(self) -> str:
        """An address of ours that every machine reaches by the same name."""
        return f"{SUBNET}.{self.number}.{SHARED_ADDRESS}"

    def add(self, services: Sequence[str]) -> Namespace:
        """Makes another machine that can reach these services."""
        namespace = Namespace(self.number, len(self.namespaces) + 1, services)
        self._stack.callback(namespace.remove)
        namespace.make()
        if not self.namespaces:
            _run("ip", "address", "add", f"{self.shared_address}/32", "dev", namespace.device)
        self.namespaces.append(namespace)
        return namespace

    @contextmanager
    def connect(self, namespace: Namespace, service: str, url: str, *, probes: bool = False) -> Iterator[Proxy]:
        """Serves what is at ``url`` to one machine; the proxy has the address that it knows."""
        proxy = Proxy(url, address=namespace.cables[service].host_address, probes=probes)
        try:
            yield proxy
        finally:
            proxy.close()


def _take_number() -> tuple[int, IO[str]]:
    """Takes a number that no other run has, for as long as its file is open; removes what an earlier one left."""
    folder = Path(tempfile.gettempdir()) / "docent-machines"
    folder.mkdir(exist_ok=True)
    for number in range(N_NUMBERS):
        file = (folder / str(number)).open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            continue
        for n in _list_left(number):
            Namespace(number, n, ()).remove()
        if f"{SUBNET}.{number}." not in _list("-4", "address"):
            return number, file
        file.close()
    raise RuntimeError(f"no subnet of {SUBNET}.0.0/16 is free")


def _kill_inside(inode: int) -> None:
    found = []
    for process in psutil.process_iter():
        with suppress(OSError, psutil.NoSuchProcess):
            if Path(f"/proc/{process.pid}/ns/net").stat().st_ino == inode:
                found.append(process)
                process.kill()
    psutil.wait_procs(found, KILL_SECONDS)


def _list_left(number: int) -> list[int]:
    return [int(n) for n in re.findall(rf"^docent-{number}-(\d+)\b", _list("netns", "list"), re.MULTILINE)]


def _list(*what: str) -> str:
    return subprocess.run(["ip", *what], capture_output=True, text=True, check=True).stdout


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
