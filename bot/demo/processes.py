"""The demo's web, worker and clock: started, watched, started again when they die, stopped.

Promises: each is told to stop when this process ends, however it ends; what each says is in a log of its own.
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
    """One process. Its standard input is a pipe that ends with this process."""

    role: str
    process: "subprocess.Popen[bytes]"
    log: Path
    log_from: int  # bytes of the log that an earlier process wrote
    restarted_at: deque[float] = field(default_factory=deque)

    def said(self) -> str:
        """What this process wrote to its log."""
        with self.log.open("rb") as log:
            log.seek(self.log_from)
            return log.read().decode(errors="replace")


class Processes:
    """``tell`` prints a line for the person at the terminal."""

    def __init__(self, folder: Path, env: Mapping[str, str], tell: Callable[[str], None]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._env, self._tell = folder, dict(env), tell
        self._children: dict[str, Child] = {}

    def start(self, role: str) -> None:
        """Starts ``docent ROLE``."""
        log = self._folder / f"{role}.log"
        log.touch()
        n_before = log.stat().st_size
        before = self._children.get(role)
        self._children[role] = Child(
            role, self._spawn([role], log), log, n_before, before.restarted_at if before else deque()
        )

    def wait_until_ready(self, role: str, timeout_seconds: float) -> None:
        """Until it says that it is; raises :class:`UserError` with its last words when it ends instead."""
        child = self._children[role]
        until = time.monotonic() + timeout_seconds
        while f"{role}_ready" not in child.said():
            if child.process.poll() is not None:
                raise UserError(f"{role} did not start. {_last_words(child)}")
            if time.monotonic() > until:
                raise UserError(f"{role} was not ready within {timeout_seconds:.0f} s. {_last_words(child)}")
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
        """Starts again what has died; raises :class:`UserError` when that does not help."""
        for role, child in self._children.items():
            if child.process.poll() is None:
                continue
            now = time.monotonic()
            recent = child.restarted_at
            while recent and recent[0] < now - RESTART_WINDOW_SECONDS:
                recent.popleft()
            if len(recent) >= MAX_RESTARTS:
                raise UserError(f"{role} ended {MAX_RESTARTS} times within a minute. {_last_words(child)}")
            recent.append(now)
            self._tell(f"{role} ended ({_how(child.process.returncode)}) and is started again; log: {child.log}")
            self.start(role)
            return  # the dictionary has changed; the next look sees the rest

    def stop(self) -> None:
        """SIGTERM to all, and SIGKILL to what has not ended after ten seconds."""
        alive = [child for child in self._children.values() if child.process.poll() is None]
        for child in alive:
            child.process.terminate()
        until = time.monotonic() + STOP_SECONDS
        for child in alive:
            try:
                child.process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._tell(f"{child.role} did not stop within {STOP_SECONDS:.0f} s and is ended")
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
                start_new_session=True,  # Ctrl-C is ours to handle
            )


def _how(returncode: int) -> str:
    return f"signal {-returncode}" if returncode < 0 else f"exit code {returncode}"


def _last_words(child: Child) -> str:
    lines = [line for line in child.said().strip().splitlines() if line.strip()]
    said = f"Its last words: {lines[-1]}" if lines else "It said nothing."
    return f"{said} (log: {child.log})"
