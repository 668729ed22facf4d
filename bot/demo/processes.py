"""Starts the demo's web, worker and clock processes, restarts those that die, and stops them.

Promises that each is told to stop when this process ends, however it ends, and that each writes to a log of its
own.
"""

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from agent.errors import UserError

STOP_SECONDS = 10.0
MAX_RESTARTS = 5  # within RESTART_WINDOW_SECONDS; more means that it cannot run at all
RESTART_WINDOW_SECONDS = 60.0
POLL_SECONDS = 0.1


@dataclass
class Child:
    """A running process. Its standard input is a pipe that closes when this process ends."""

    role: str
    process: "subprocess.Popen[bytes]"
    log: Path
    log_from: int  # size of the log when the process started, in bytes
    restarted_at: deque[float] = field(default_factory=deque)

    def output(self) -> str:
        """Returns what this process has written to its log."""
        with self.log.open("rb") as log:
            log.seek(self.log_from)
            return log.read().decode(errors="replace")


class Processes:
    """The child processes by role, with their logs below ``home``. ``print_line`` prints for the person."""

    def __init__(self, home: Path, env: Mapping[str, str], print_line: Callable[[str], None]) -> None:
        self.home, self._folder = home, home / "logs"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._env, self._print_line = dict(env), print_line
        self._children: dict[str, Child] = {}

    def start(self, role: str) -> None:
        """Starts ``docent ROLE``."""
        log = self._folder / f"{role}.log"
        log.touch()
        log_from = log.stat().st_size
        previous = self._children.get(role)
        if previous and previous.process.stdin:
            previous.process.stdin.close()
        self._children[role] = Child(
            role, self._spawn([role], log), log, log_from, previous.restarted_at if previous else deque()
        )

    def wait_until_ready(self, role: str, timeout_seconds: float) -> None:
        """Waits for the process to log that it is ready.

        Raises :class:`UserError` with the last line of its log if it ends first or takes too long.
        """
        child = self._children[role]
        until = time.monotonic() + timeout_seconds
        while f"{role}_ready" not in child.output():
            if child.process.poll() is not None:
                raise UserError(f"{role} did not start. {_describe_log_end(child)}")
            if time.monotonic() > until:
                raise UserError(f"{role} was not ready within {timeout_seconds:.0f} s. {_describe_log_end(child)}")
            time.sleep(POLL_SECONDS)

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Runs ``docent ARGUMENTS`` to its end and returns what it printed."""
        return subprocess.run(
            [sys.executable, "-m", "bot", *arguments],
            env=self._env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            start_new_session=True,
            check=False,
        )

    def watch(self) -> None:
        """Restarts a process that has died; raises :class:`UserError` when it dies again and again."""
        for role, child in self._children.items():
            if child.process.poll() is None:
                continue
            now = time.monotonic()
            recent = child.restarted_at
            while recent and recent[0] < now - RESTART_WINDOW_SECONDS:
                recent.popleft()
            if len(recent) >= MAX_RESTARTS:
                raise UserError(f"{role} ended {MAX_RESTARTS} times within a minute. {_describe_log_end(child)}")
            recent.append(now)
            self._print_line(
                f"{role} ended ({_describe_exit(child.process.returncode)}) and was restarted; log: {child.log}"
            )
            self.start(role)
            return  # the dictionary has changed; the next call checks the rest

    def stop(self) -> None:
        """Sends SIGTERM to all processes, and SIGKILL to those that have not ended after ten seconds."""
        alive = [child for child in self._children.values() if child.process.poll() is None]
        for child in alive:
            child.process.terminate()
        until = time.monotonic() + STOP_SECONDS
        for child in alive:
            try:
                child.process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._print_line(f"{child.role} did not stop within {STOP_SECONDS:.0f} s and was killed")
                with suppress(ProcessLookupError):
                    os.killpg(child.process.pid, signal.SIGKILL)
                child.process.wait()
        for child in self._children.values():
            if child.process.stdin:
                child.process.stdin.close()

    def _spawn(self, arguments: list[str], log: Path) -> "subprocess.Popen[bytes]":
        with log.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "bot", *arguments],
                env=self._env | {"DOCENT_TIED_TO_STDIN": "1"},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # only this process handles Ctrl-C
            )


def _describe_exit(returncode: int) -> str:
    return f"signal {-returncode}" if returncode < 0 else f"exit code {returncode}"


def _describe_log_end(child: Child) -> str:
    lines = [line for line in child.output().strip().splitlines() if line.strip()]
    last_line = f"The last line of its log: {lines[-1]}" if lines else "Its log is empty."
    return f"{last_line} (log: {child.log})"
