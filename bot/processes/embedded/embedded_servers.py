"""Both embedded servers of a home folder, shared by every process that uses this home.

Owns the folders ``postgres/`` and ``valkey/`` under it. Promises: both listen on loopback only, on free ports,
with a generated password; data is kept; the servers are stopped by the last process that leaves, whatever happened
to the others (file locks, which the kernel releases with the process).
"""

import fcntl
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from agent.errors import UserError
from bot.outages import machine
from bot.processes import private_files, startup_checks
from bot.processes.embedded import postgres, server_process, valkey

POSTGRES, VALKEY = "postgres", "valkey"
# SIGINT is PostgreSQL's fast shutdown, which does not wait for clients. Valkey saves on SIGTERM.
STOP_SIGNALS = {POSTGRES: signal.SIGINT, VALKEY: signal.SIGTERM}


@dataclass(frozen=True)
class Servers:
    """Where the embedded servers answer."""

    database_url: str
    redis_url: str


@contextmanager
def start(
    home: Path, *, is_durable: bool = True, announce: Callable[[str], None] = lambda line: None
) -> Iterator[Servers]:
    """Starts what does not run yet, and stops it when the last process of this home leaves.

    ``is_durable=False`` trades crash safety for speed, for tests. ``announce`` is told what is set up, once in the
    life of a home. Raises :class:`UserError` if a server does not
    start, with the path of its log, or if the servers are not installed.
    """
    startup_checks.check_servers()
    home = home.expanduser().absolute()
    _make_folder(home)
    private_files.close_to_others(home)
    with _lock(home / "servers.lock", fcntl.LOCK_SH) as in_use:
        try:
            with _lock(home / "starting.lock", fcntl.LOCK_EX):
                database = server_process.ensure_running(
                    home / POSTGRES,
                    lambda folder: postgres.start(folder, is_durable=is_durable, announce=announce),
                )
                queue = server_process.ensure_running(home / VALKEY, valkey.start)
            database_url = f"postgresql://docent:{database['password']}@127.0.0.1:{database['port']}/postgres"
            postgres.wait_until_recovered(database_url, home / POSTGRES / "server.log")
            yield Servers(database_url, f"redis://:{queue['password']}@127.0.0.1:{queue['port']}/0")
        finally:
            _stop_if_last(home, in_use)


def require_alive(home: Path) -> None:
    """Raises :class:`UserError` if one of the running servers has died: nothing starts it again by itself."""
    for name in (POSTGRES, VALKEY):
        folder = home / name
        if not server_process.is_running(server_process.load_state(folder)):
            raise UserError(f"The embedded {name} server died; see {folder / 'server.log'}. Start again.")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".writable-"):  # each process has a file of its own
            pass
    except OSError as error:
        raise UserError(str(machine.explain_folder(folder, error))) from None


@contextmanager
def _lock(path: Path, kind: int) -> Iterator[IO[str]]:
    with path.open("a") as file:
        fcntl.flock(file, kind)
        yield file


def _stop_if_last(home: Path, in_use: IO[str]) -> None:
    with _lock(home / "starting.lock", fcntl.LOCK_EX):
        fcntl.flock(in_use, fcntl.LOCK_UN)
        try:
            fcntl.flock(in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # another process still uses them
        for name, number in STOP_SIGNALS.items():
            server_process.stop(home / name, number)
