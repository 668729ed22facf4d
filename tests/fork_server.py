"""A process that has imported everything once, and forks the processes under test from there.

Reads one JSON line per process: its arguments, its environment, where what it says goes, at which commit it should
die, on which machine it is, whether it guards its transactions, and for a command also where it works, where its
errors go and into which file its exit code. Answers with its number.
Run as ``python -m tests.fork_server SOCKET``; ends with the last of those that use it.
"""

import ctypes
import gc
import json
import os
import select
import signal
import socket
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy.orm import Session

from agent.store import database as database_module
from agent.store.database import Database

CLONE_NEWUTS, CLONE_NEWNET = 0x04000000, 0x40000000  # of sched.h
GUARDED = "asked_inside_a_transaction"  # in the log of a process that guards itself


class DyingDatabase(Database):
    """Kills its process before or after the n-th commit made by a turn's thread."""

    n_commits = 0
    die_at = 0
    die_when = "after"

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        is_turn = threading.current_thread().name.startswith("turn")
        with super().transaction() as transaction:
            yield transaction
            DyingDatabase.n_commits += is_turn
            is_last = is_turn and DyingDatabase.n_commits == self.die_at
            if is_last and self.die_when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)


class GuardedDatabase(Database):
    """Says so where a thread asks somebody over the network while it has a transaction open."""

    _of_thread = threading.local()

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        self._of_thread.depth = getattr(self._of_thread, "depth", 0) + 1
        try:
            with super().transaction() as transaction:
                yield transaction
        finally:
            self._of_thread.depth -= 1

    @classmethod
    def _is_inside(cls) -> bool:
        return bool(getattr(cls._of_thread, "depth", None))

    @classmethod
    def look(cls, event: str, _: tuple[object, ...]) -> None:
        if event in ("http.client.send", "socket.connect", "redis.send") and cls._is_inside():
            stack = "".join(traceback.format_stack(limit=12))
            os.write(2, f"{GUARDED} {event}\n{stack}\n".encode())


def _guard() -> None:
    """Connections to Postgres are the driver's own, and no event of Python."""
    from redis.connection import AbstractConnection

    send: Any = AbstractConnection.send_packed_command

    def send_and_tell(connection: Any, *arguments: Any, **options: Any) -> None:
        sys.audit("redis.send")
        send(connection, *arguments, **options)

    AbstractConnection.send_packed_command = send_and_tell  # type: ignore[method-assign, assignment]
    database_module.Database = GuardedDatabase  # type: ignore[misc]
    sys.addaudithook(GuardedDatabase.look)


def _load_everything() -> ModuleType:
    """Imports and reads what a process otherwise spends its first second on; returns the command's module."""
    import sentry_sdk
    from sqlalchemy.orm import configure_mappers

    from agent.llm import litellm_setup
    from bot.cli import main as cli
    from bot.jobs import answering, sync_jobs, terminal_reply, wiring
    from bot.processes import web, worker
    from ingest.embedding import embedder as embedding
    from ingest.index import lancedb_runtime
    from ingest.sources import connector
    from tools.extractive import small_talk

    assert all((answering, sync_jobs, terminal_reply, wiring, web, worker, sentry_sdk))
    configure_mappers()
    litellm_setup.warm_up()
    embedding.warm_up("static")
    lancedb_runtime.warm_up()
    connector.source_modules()
    small_talk.recognise("hello")
    return cli


def main() -> None:
    cli = _load_everything()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody becomes a zombie
    gc.collect()
    gc.freeze()  # else the collector walks all that was imported, in every process again
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(sys.argv[1])
        listener.listen()
        print("ready", flush=True)
        _serve(cli, listener)


def _serve(cli: ModuleType, listener: socket.socket) -> None:
    users: list[Any] = [sys.stdin, listener]
    while len(users) > 1:
        for user in select.select(users, [], [])[0]:
            if user is listener:
                users.append(listener.accept()[0])
            elif line := sys.stdin.readline() if user is sys.stdin else _read_line(user):
                pid = os.fork()
                if pid == 0:
                    _become(cli, json.loads(line))
                user.sendall(b"%d\n" % pid)
            else:
                users.remove(user)
                user.close()


def _read_line(user: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n") and (part := user.recv(1_000_000)):
        line += part
    return line


def _become(cli: ModuleType, order: dict[str, Any]) -> None:
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    errors = os.open(order.get("errors", order["log"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(errors, 2)
    os.chdir(order.get("folder", "."))
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would ignore it
    os.environ.update(order["env"])
    if order.get("namespace"):
        _move(order["namespace"], order["host"])
    if order.get("die_at"):
        DyingDatabase.die_at, DyingDatabase.die_when = order["die_at"], order["die_when"]
        database_module.Database = DyingDatabase  # type: ignore[misc]
    if order.get("guards"):
        _guard()
    sys.argv = ["docent", *order["arguments"]]
    try:
        cli.main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    except BaseException:  # noqa: BLE001  nothing may return into the zygote
        sys.excepthook(*sys.exc_info())
        code = 1
    sys.stdout.flush()
    if "code" in order:
        Path(order["code"]).write_text(str(code))
    os._exit(code)


def _move(namespace: str, host: str) -> None:
    """Moves this process to another machine: its network namespace, its name, its temporary files."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/run/netns", namespace).open() as entry:
        if libc.setns(entry.fileno(), CLONE_NEWNET) or libc.unshare(CLONE_NEWUTS):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    socket.sethostname(host)
    tempfile.tempdir = None


if __name__ == "__main__":
    main()
