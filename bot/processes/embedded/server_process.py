"""A server process that outlives the process that starts it: started, recognised, stopped.

Owns the file ``server.json`` in the server's folder, which says how to reach it. Promises that a process is
recognised only if it is the recorded one, because process ids are reused.
"""

import json
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypedDict

import psutil

from agent.errors import UserError

START_TIMEOUT_SECONDS = 30
STOP_TIMEOUT_SECONDS = 10
NAMES = {"postgres", "valkey-server"}


class ServerState(TypedDict):
    """The content of ``server.json``; ``created`` is the process's start, in seconds since 1970."""

    pid: int
    port: int
    created: float
    password: str


def ensure_running(folder: Path, start: Callable[[Path], ServerState]) -> ServerState:
    """Returns the state of the folder's server; starts it if it does not run."""
    state_file = folder / "server.json"
    if state_file.exists():
        state = load_state(folder)
        if is_running(state) and _wait_for_port(state["port"]):
            return state
    folder.mkdir(exist_ok=True)
    _stop_orphans(folder)
    state = start(folder)
    partial = folder / "server.json.partial"
    partial.touch(mode=0o600)
    partial.write_text(json.dumps(state))
    partial.replace(state_file)
    return state


def load_state(folder: Path) -> ServerState:
    """Reads ``server.json``."""
    state: ServerState = json.loads((folder / "server.json").read_text())
    return state


def is_running(state: ServerState) -> bool:
    """Returns whether the recorded process still runs."""
    try:
        process = psutil.Process(state["pid"])
        return process.status() != psutil.STATUS_ZOMBIE and process.create_time() == state["created"]
    except psutil.Error:
        return False


def spawn(
    command: Sequence[str | Path],
    folder: Path,
    *,
    port: int,
    password: str,
    user: str | None = None,
    stdin: str | None = None,
) -> ServerState:
    """Starts a server and waits until it listens; raises :class:`UserError` with its last line if it does not."""
    log = folder / "server.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            user=user,
            group=user,
            extra_groups=[] if user else None,
            start_new_session=True,  # Ctrl-C in the terminal is ours to handle, not the servers'
        )
    try:
        if process.stdin and stdin:
            process.stdin.write(stdin.encode())
            process.stdin.close()
        if not _wait_for_port(port, process):
            raise UserError(f"{Path(command[0]).name} did not start; see {log}. Its last line: {_last_line(log)}")
    except BaseException:  # Ctrl-C too: nobody would know of it
        process.kill()
        process.wait()
        raise
    # It may outlive this process; while it does not, a dead one must not stay a zombie and look alive.
    threading.Thread(target=process.wait, name=f"reap-{process.pid}", daemon=True).start()
    created = psutil.Process(process.pid).create_time()
    return {"pid": process.pid, "port": port, "created": created, "password": password}


def stop(folder: Path, number: signal.Signals) -> None:
    """Sends the folder's server a signal, and SIGKILL if it has not ended after ten seconds."""
    state_file = folder / "server.json"
    if not state_file.exists():
        return
    state = load_state(folder)
    if is_running(state):
        process = psutil.Process(state["pid"])
        process.send_signal(number)
        try:
            process.wait(STOP_TIMEOUT_SECONDS)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(STOP_TIMEOUT_SECONDS)
    state_file.unlink(missing_ok=True)


def find_free_port() -> int:
    """Returns a port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_password(path: Path, user: str | None = None) -> None:
    """Writes a new random password, which only the user can read."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(secrets.token_urlsafe(24))
    if user:
        shutil.chown(path, user, user)


def _stop_orphans(folder: Path) -> None:
    """Stops servers of this folder without a state file: their starter was killed before it wrote one."""
    resolved = folder.resolve()
    orphans = []
    for process in psutil.process_iter(["name", "cwd"]):
        cwd = process.info["cwd"]
        if cwd and process.info["name"] in NAMES and Path(cwd).is_relative_to(resolved):
            with suppress(psutil.NoSuchProcess):
                process.terminate()
                orphans.append(process)
    for process in psutil.wait_procs(orphans, STOP_TIMEOUT_SECONDS)[1]:
        process.kill()


def _wait_for_port(port: int, process: "subprocess.Popen[bytes] | None" = None) -> bool:
    until = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < until:
        if process and process.poll() is not None:
            return False
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return True
        except OSError:
            time.sleep(0.03)
    return False


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "(nothing)"
