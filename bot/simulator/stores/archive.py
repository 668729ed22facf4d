"""What a workspace keeps between two runs: one SQLite file.

Owns the file, its form and its bounds. Promises that what changed in one critical section of the workspace is
kept whole or not at all, before anybody else can see it, so that a process killed at any moment loses nothing
it told of (a power cut may cost the last moments); and that a file which cannot be read is moved aside, not
deleted and not in the way. While a disk refuses or another program holds the file, the changes are tried again
with the next one after a rest, and at the end. Does not keep calls, past deliveries, statuses, open modals or
triggers, and does not guard against a second process with the same file.
"""

import json
import logging
import sqlite3
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from bot.simulator.stores import snapshot
from bot.simulator.stores.directory import Channel
from bot.simulator.stores.snapshot import Kept, Key, Kind

log = logging.getLogger(__name__)

FORM = 1  # PRAGMA user_version; raise it when files written before can no longer be read
MOST = 5_000  # messages after a start; as many notes of deleted ones, and response URLs
BUSY_SECONDS = 1.0  # how long another program's look into the file may hold everything up
REST_SECONDS = 2.0  # after a refusal, so that it does not hold up every change
TABLE = "CREATE TABLE kept (kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (kind, key))"
KEEP = """INSERT INTO kept (kind, key, body) VALUES (?, ?, ?)
          ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body"""
FORGET = "DELETE FROM kept WHERE kind = ? AND key = ?"
ON_THEIR_OWN = ("messages", "replies", "gone")  # fields of a channel
UNFIT = (sqlite3.Error, ValueError, TypeError, KeyError, AttributeError, RecursionError)
UNAVAILABLE = frozenset(  # codes that say nothing against the file
    [
        sqlite3.SQLITE_AUTH,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    ]
)


class Lock:
    """A reentrant lock that calls `leaving` before its outermost holder lets go. `inner` is for conditions."""

    def __init__(self, leaving: Callable[[], None]) -> None:
        self.inner = threading.RLock()
        self._leaving = leaving
        self._depth = 0

    def __enter__(self) -> None:
        self.inner.acquire()
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        try:
            if self._depth == 1:
                self._leaving()
        finally:
            self._depth -= 1
            self.inner.release()


class Archive:
    """Without a path nothing is kept. After `open`, the caller of any method holds the workspace's lock."""

    def __init__(self, path: Path | None, *, most: int = MOST) -> None:
        self._path, self._most = path, most
        self._database: sqlite3.Connection | None = None
        self._pending: dict[tuple[Kind, str], str | None] = {}
        self._is_refused = False
        self._rests_until = 0.0

    def open(self) -> Kept:
        """Everything kept so far; nothing when the file had to be moved aside."""
        if self._path is None:
            return Kept()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return self._open(self._path)
        except UNFIT as error:
            self._disconnect()
            if _is_unavailable(error):
                raise
            aside = _move_aside(self._path)
            log.warning("workspace_archive_set_aside path=%s moved_to=%s cause=%r", self._path, aside, error)
        return self._open(self._path)

    def keep(self, kind: Kind, key: Key, value: Any) -> None:
        """`value` as it is now, JSON or a dataclass of JSON."""
        if self._database is not None:
            self._pending[kind, json.dumps(key)] = json.dumps(value, default=vars)

    def keep_channel(self, channel: Channel) -> None:
        facts = {name: value for name, value in vars(channel).items() if name not in ON_THEIR_OWN}
        self.keep("channel", channel.id, facts)

    def forget(self, kind: Kind, key: Key) -> None:
        if self._database is not None:
            self._pending[kind, json.dumps(key)] = None

    def flush(self) -> None:
        """Write what changed, in one transaction; after a refusal not before a rest."""
        if not self._is_refused or monotonic() >= self._rests_until:
            self._write()

    def close(self) -> None:
        """Nothing is kept from here on."""
        self._write()
        self._disconnect()

    def _write(self) -> None:
        if self._database is None or not self._pending:
            return
        try:
            with self._database:
                self._database.execute("BEGIN")
                for (kind, key), body in self._pending.items():
                    row = (kind, key) if body is None else (kind, key, body)
                    self._database.execute(FORGET if body is None else KEEP, row)
        except sqlite3.Error as error:
            if not self._is_refused:
                log.warning("workspace_archive_refused path=%s cause=%r", self._path, error)
            self._is_refused = True
            self._rests_until = monotonic() + REST_SECONDS
        else:
            self._is_refused = False
            self._pending.clear()

    def _open(self, path: Path) -> Kept:
        # Any thread may write; the workspace's lock lets one at a time.
        database = self._database = sqlite3.connect(
            path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        (form,) = database.execute("PRAGMA user_version").fetchone()
        (n_tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if form != FORM and (form or n_tables):
            raise ValueError(f"the file is of version {form}, not {FORM}")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        if not n_tables:
            database.executescript(f"BEGIN; {TABLE}; PRAGMA user_version = {FORM}; COMMIT")
        (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise ValueError(verdict)
        found = snapshot.read(database.execute("SELECT kind, key, body FROM kept ORDER BY rowid"))
        for kind, key in found.trim(self._most):
            self.forget(kind, key)
        self.keep("n_openings", "", found.n_openings + 1)
        self._write()
        return found

    def _disconnect(self) -> None:
        self._pending.clear()
        if self._database is not None:
            self._database.close()
            self._database = None


def _is_unavailable(error: Exception) -> bool:
    """Whether the file could not be used now, rather than not be read at all."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in UNAVAILABLE  # the low byte: SQLite's primary code


def _move_aside(path: Path) -> Path:
    """With its journal, which belongs to it and to no new file."""
    aside = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
    for suffix in ("", "-wal", "-shm"):
        part = Path(f"{path}{suffix}")
        if part.exists():
            part.rename(f"{aside}{suffix}")
    return aside
