"""What a workspace keeps between two runs: one SQLite file.

Owns the file and its format. Promises that what changed in one critical section of the workspace is written whole
or not at all, before anybody else can see it, so that a process killed at any moment loses nothing it reported (a
power cut may cost the last moments); and that a file which cannot be read is moved aside, not deleted. While the
disk is full or another program holds the file, pending changes are tried again with the next change after a pause,
and at the end. Does not keep calls, past deliveries, statuses, open modals or triggers, and does not guard against
a second process with the same file.
"""

import json
import logging
import sqlite3
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
RecordKey = str | tuple[str, str]
ArchiveRow = tuple[str, str, str]  # a kind, and as JSON a key and a body

log = logging.getLogger(__name__)

FORMAT = 1  # PRAGMA user_version; raise it when files written before can no longer be read
MAX_RECORDS = 5_000  # messages after a start; as many notes of deleted ones, and response URLs
BUSY_SECONDS = 1.0  # how long a lock of another program on the file may hold everything up
PAUSE_SECONDS = 2.0  # after a failed write, so that not every change waits for the next
TABLE = "CREATE TABLE kept (kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (kind, key))"
KEEP = """INSERT INTO kept (kind, key, body) VALUES (?, ?, ?)
          ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body"""
FORGET = "DELETE FROM kept WHERE kind = ? AND key = ?"
INVALID = (sqlite3.Error, ValueError, TypeError, KeyError, AttributeError, RecursionError)
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


class RecordKind(StrEnum):
    """The tables of the archive, so to speak."""

    USER = "user"
    CHANNEL = "channel"
    MESSAGE = "message"
    DELETED = "gone"
    TITLE = "title"
    PROMPTS = "prompts"
    SESSION = "session"
    RESPONSE_URL = "response_url"
    HOME = "home"
    EVENT = "event"
    LAST_TS = "last_ts"
    N_OPENINGS = "n_openings"


class Archive:
    """Without a path nothing is kept. After `open`, the caller of any method holds the workspace's lock."""

    def __init__(
        self,
        path: Path | None = None,
        *,
        max_records: int = MAX_RECORDS,
        busy_seconds: float = BUSY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.max_records = max_records
        self._path, self._busy_seconds, self._clock = path, busy_seconds, clock
        self._database: sqlite3.Connection | None = None
        self._pending: dict[tuple[RecordKind, str], str | None] = {}
        self._is_failing = False
        self._paused_until = 0.0

    def open(self, read: Callable[[Iterable[ArchiveRow]], T]) -> T:
        """Returns what `read` makes of all rows, in the order in which they were first kept.

        A file that cannot be opened or read is moved aside, and `read` gets no rows.
        """
        if self._path is None:
            return read(())
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return self._open(self._path, read)
        except INVALID as error:
            self._disconnect()
            if _is_unavailable(error):
                raise
            aside = _move_aside(self._path)
            log.warning("workspace_archive_set_aside path=%s moved_to=%s cause=%r", self._path, aside, error)
        return self._open(self._path, read)

    def keep(self, kind: RecordKind, key: RecordKey, value: object) -> None:
        """Keeps `value` as it is now: JSON or a dataclass of JSON."""
        if self._database is not None:
            self._pending[kind, json.dumps(key)] = json.dumps(value, default=vars)

    def forget(self, kind: RecordKind, key: RecordKey) -> None:
        """Removes the record, if there is one."""
        if self._database is not None:
            self._pending[kind, json.dumps(key)] = None

    def flush(self) -> None:
        """Writes what changed, in one transaction; after a failure not before a pause."""
        if not self._is_failing or self._clock() >= self._paused_until:
            self._write()

    def close(self) -> None:
        """Writes what is left; later changes are not kept."""
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
            if not self._is_failing:
                log.warning("workspace_archive_refused path=%s cause=%r", self._path, error)
            self._is_failing = True
            self._paused_until = self._clock() + PAUSE_SECONDS
        else:
            self._is_failing = False
            self._pending.clear()

    def _open(self, path: Path, read: Callable[[Iterable[ArchiveRow]], T]) -> T:
        # Any thread may write; the workspace's lock lets one at a time.
        database = self._database = sqlite3.connect(
            path, timeout=self._busy_seconds, isolation_level=None, check_same_thread=False
        )
        (version,) = database.execute("PRAGMA user_version").fetchone()
        (n_tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if version != FORMAT and (version or n_tables):
            raise ValueError(f"the file is of version {version}, not {FORMAT}")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        if not n_tables:
            database.executescript(f"BEGIN; {TABLE}; PRAGMA user_version = {FORMAT}; COMMIT")
        (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise ValueError(verdict)
        result = read(database.execute("SELECT kind, key, body FROM kept ORDER BY rowid"))
        self._write()
        return result

    def _disconnect(self) -> None:
        self._pending.clear()
        if self._database is not None:
            self._database.close()
            self._database = None


def _is_unavailable(error: Exception) -> bool:
    """Returns whether the file cannot be used just now, rather than not be read at all."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in UNAVAILABLE  # the low byte: SQLite's primary code


def _move_aside(path: Path) -> Path:
    """Renames the file with its journal, which belongs to no other, and returns the new path."""
    aside = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
    for suffix in ("", "-wal", "-shm"):
        part = Path(f"{path}{suffix}")
        if part.exists():
            part.rename(f"{aside}{suffix}")
    return aside
