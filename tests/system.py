"""The whole of Docent around a stand-in workspace: web, worker and clock as processes of their own."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil
from sqlalchemy import text

from agent.store.database import Database
from bot.simulator import SlackMessage, Workspace
from bot.simulator.people.interactions import Ack

T = TypeVar("T")
ROOT = Path(__file__).parent.parent
HANDBOOK = {
    "leave.md": (
        "---\ntitle: Leave\n---\n\n## Annual leave\n\nEvery employee has 28 days of annual leave per year. "
        "You can carry over at most 5 days of annual leave into the next year.\n\n## Sick leave\n\n"
        "Tell your manager before 10:00 on the first day of sick leave.\n"
    ),
    "travel.md": (
        "# Travel\n\n## Booking\n\nBook trains in second class through the travel desk.\n\n## Hotels\n\n"
        "Hotels may cost up to 140 euros per night, breakfast included.\n"
    ),
    "security.md": (
        "# Security\n\n## Incidents\n\nReport a security incident within one hour to security@harbor.example.\n\n"
        "## Passwords\n\nPasswords must have at least 14 characters.\n"
    ),
    "offices.md": "# Offices\n\n## Lisbon\n\nThe Lisbon office is open from 8:00 to 20:00.\n",
}
QUESTION = "How many days of annual leave can I carry over into the next year?"
STARTUP_SECONDS = 120
WAIT_SECONDS = 240  # a machine that is four times as busy needs minutes for what takes seconds


class ForkServer:
    """See :mod:`tests.fork_server`. The processes of a run share one, which the first that needs it starts."""

    def __init__(self, folder: Path) -> None:
        self._process: subprocess.Popen[str] | None = None
        address = folder / "fork-server"
        with (folder / "fork-server.lock").open("w") as lock, socket.socket(socket.AF_UNIX) as connection:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                connection.connect(address.read_text())
            except OSError:  # nobody has started it, or it has ended with the last of its users
                address.write_text(self._start())
                connection.connect(address.read_text())
            self._connection = connection.makefile("rw")

    def fork(self, **order: Any) -> psutil.Process:
        self._connection.write(json.dumps(order) + "\n")
        self._connection.flush()
        return psutil.Process(int(self._connection.readline()))

    def close(self) -> None:
        self._connection.close()
        if self._process and self._process.stdin and self._process.stdout:
            self._process.stdin.close()
            self._process.wait()  # for the others
            self._process.stdout.close()

    def _start(self) -> str:
        path = f"{tempfile.mkdtemp()}/fork-server"  # a socket's path may have a hundred characters
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fork_server", path],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        )
        assert self._process.stdout
        assert self._process.stdout.readline().strip() == "ready"
        return path


def ack_body(ack: Ack) -> dict[str, Any]:
    """What the app acknowledged a command or an interaction with, as JSON."""
    assert isinstance(ack.body, dict)
    return ack.body


@dataclass
class System:
    """Starts, kills and stops Docent's processes, and asks Slack and Postgres what came of it."""

    zygote: ForkServer
    workspace: Workspace
    database: Database
    folder: Path
    env: dict[str, str]
    running: dict[str, list[psutil.Process]] = field(default_factory=dict)

    def start(self, *roles: str, **order: Any) -> None:
        """``web``, ``worker``, ``clock``; waits until each says it is ready."""
        for role in roles:
            log = self.folder / f"{role}-{len(self.running.get(role, ()))}.log"
            arguments = [role, "--processes", "1"] if role == "worker" else [role]
            process = self.zygote.fork(env=self.env, log=str(log), arguments=arguments, **order)
            self.running.setdefault(role, []).append(process)
            self._wait_until_ready(role, process, log)

    def kill(self, role: str) -> None:
        """SIGKILL."""
        self._end(role, signal.SIGKILL)

    def stop(self, role: str) -> None:
        """SIGTERM, as in a deploy."""
        self._end(role, signal.SIGTERM)

    def wait_for_death(self, role: str, timeout: float = 120) -> None:
        self.running[role][-1].wait(timeout)

    def close(self) -> None:
        alive = [process for processes in self.running.values() for process in processes if process.is_running()]
        for process in alive:
            process.kill()
        psutil.wait_procs(alive, 120)  # what they write would stand in the next test's tables

    def replies(self, channel: str, ts: str) -> list[SlackMessage]:
        """The bot's messages in a thread."""
        return [m for m in self.workspace.thread(channel, ts) if m.user == self.workspace.app.bot_user_id]

    def wait_for(self, condition: Callable[[], T | None], timeout: float = WAIT_SECONDS) -> T:
        """Until the condition holds, looking again with every change in the workspace and every 50 ms."""
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            if value := condition():
                return value
            time.sleep(0.05)
        raise AssertionError(f"did not happen within {timeout} s\n{self.logs()}")

    def wait_for_turns(self, n: int, status: str = "completed", timeout: float = WAIT_SECONDS) -> list[Any]:
        """The turns, once ``n`` have this status."""
        return self.wait_for(lambda: rows if len(rows := self.turns(status)) >= n else None, timeout)

    def turns(self, status: str | None = None) -> list[Any]:
        where = "WHERE status = :status" if status else ""
        return self.query(f"SELECT * FROM turns {where} ORDER BY session_id, seq", status=status)

    def query(self, statement: str, **values: Any) -> list[Any]:
        with self.database.transaction() as transaction:
            return list(transaction.execute(text(statement), values).all())

    def logs(self) -> str:
        """What the processes said, for a failure's report."""
        return "\n".join(
            f"--- {log.name}\n{log.read_text()[-4000:]}" for log in sorted(self.folder.rglob("*.log"))
        )

    def _end(self, role: str, number: int) -> None:
        process = self.running[role][-1]
        process.send_signal(number)
        process.wait(120)

    def _wait_until_ready(self, role: str, process: psutil.Process, log: Path) -> None:
        def is_ready() -> bool:
            assert process.is_running(), f"{role} ended: {log.read_text() if log.exists() else ''}"
            return log.exists() and f"{role}_ready" in log.read_text()

        self.wait_for(is_ready, STARTUP_SECONDS)


def get(url: str | urllib.request.Request) -> tuple[int, dict[str, Any]]:
    """Status and JSON body."""
    try:
        with urllib.request.urlopen(url, timeout=120) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def free_ports(n: int) -> int:
    """Returns the first of ``n`` free ports one after the other."""
    return next(first for first in iter(free_port, 0) if all(_is_free(first + i) for i in range(n)))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
